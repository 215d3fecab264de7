import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { threadId } from 'node:worker_threads';
import type { Host } from '../../ports/host.ts';

export interface LocalHostOptions {
  /** What reports show as the worker's home; default `<hostname>/<pid>`. */
  id?: string;
}

/** One count for the process: two hosts in it must not give one owner twice. */
let owners = 0;

/**
 * This process. An owner is `<place>/<pid>/<start of the process>/<count>`. The place is the host's name, on Linux
 * with the boot and the space of process ids: a shared disk brings owners of other machines and containers here
 * under an equal name, and their process ids mean nothing to us. Those are never proved dead; their leases end.
 */
export function localHost({ id }: LocalHostOptions = {}): Host {
  const place = placeName();
  const start = startOf(process.pid)?.start ?? 'unknown';
  const thread = threadId === 0 ? '' : `${threadId}.`;
  const dead = new Set<string>();
  let used: { at: number; cpuMs: number; rssBytes: number } | undefined;
  return {
    id: id ?? `${hostname()}/${process.pid}`,
    newOwner() {
      owners += 1;
      return `${place}/${process.pid}/${start}/${thread}${owners}`;
    },
    isDead(owner) {
      // Without its count, as all owners of a process die together; the dead stay dead.
      const home = owner.slice(0, owner.lastIndexOf('/'));
      if (dead.has(home)) return true;
      const found = provedDead(home, place);
      if (found) dead.add(home);
      return found;
    },
    usage() {
      const now = performance.now();
      if (used === undefined || now - used.at > USAGE_MS) used = { at: now, ...usageNow() };
      return { cpuMs: used.cpuMs, rssBytes: used.rssBytes };
    },
    random: () => randomBytes(4).readUInt32LE() / 2 ** 32,
  };
}

/** Asking the system takes 0.1 to 0.4 ms, and every part asks: an answer is good for this long. */
const USAGE_MS = 100;

function usageNow(): { cpuMs: number; rssBytes: number } {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() };
}

function provedDead(home: string, place: string): boolean {
  const [homePlace, pidText, start, ...rest] = home.split('/');
  const pid = Number(pidText);
  if (rest.length > 0 || homePlace !== place || !Number.isSafeInteger(pid) || pid <= 0)
    return false;
  if (start === undefined || start === '' || start === 'unknown') return false;
  try {
    process.kill(pid, 0);
  } catch (fault) {
    // EPERM: it is there, and somebody else's.
    if ((fault as { code?: unknown }).code === 'ESRCH') return true;
  }
  const now = startOf(pid);
  // Stopped (T) is alive: it may go on at any moment. A zombie runs no more code.
  return now !== undefined && (now.start !== start || now.state === 'Z' || now.state === 'X');
}

/** When the process started, in a form that only need be compared; undefined when that cannot be known. */
function startOf(pid: number): { state: string; start: string } | undefined {
  if (process.platform === 'linux') {
    const stat = readText(`/proc/${pid}/stat`);
    // The command's name stands in parentheses and may hold parentheses and blanks: fields begin after the last.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields?.[0], fields?.[19]];
    return state === undefined || start === undefined ? undefined : { state, start };
  }
  const { status, stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  });
  const [, state, start] = /^\s*(\S)\S*\s+(.*\S)\s*$/.exec(stdout ?? '') ?? [];
  if (status !== 0 || state === undefined || start === undefined) return undefined;
  return { state, start: start.replaceAll(/\s+/g, '-') };
}

function placeName(): string {
  const boot = readText('/proc/sys/kernel/random/boot_id')?.slice(0, 8);
  const space = /\d+/.exec(readLink('/proc/self/ns/pid') ?? '')?.[0];
  return [hostname(), boot, space]
    .filter((part) => part !== undefined)
    .join(':')
    .replaceAll('/', '_');
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function readLink(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
