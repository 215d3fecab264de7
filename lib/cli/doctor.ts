import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { openLocalCheckpointStore } from '../adapters/local/checkpoint-store.ts';
import { formatBytes, formatDuration } from '../core/format.ts';
import { type Check, showChecks } from './checks.ts';
import type { Cli } from './terminal.ts';
import { refuseStack } from './with-place.ts';

/** What a run needs of this machine, a line each; exit 1 when something is unusable. */
export async function doctorCommand(cli: Cli): Promise<number> {
  refuseStack(cli, 'doctor', 'What a stack needs is checked by: sluice doctor --aws');
  const home = resolve(cli.home);
  const checks = [
    nodeCheck(process.versions.node),
    homeCheck(home),
    diskCheck(home),
    await storeCheck(home),
    coresCheck(),
    memoryCheck(),
    ...JUDGES.map(judgeCheck),
  ];
  return showChecks(cli, checks);
}

function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'node',
    status: fits ? 'ok' : 'fail',
    detail: `${version}, 20.19 or later is needed`,
  };
}

/** The folder itself, or the nearest one above that is there. */
function existing(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existing(dirname(path));
}

function homeCheck(home: string): Check {
  try {
    if (!statSync(existing(home)).isDirectory()) {
      return { name: 'home', status: 'fail', detail: `${existing(home)} is no folder` };
    }
    accessSync(existing(home), constants.W_OK);
    return { name: 'home', status: 'ok', detail: `${home} can be written` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { name: 'home', status: 'fail', detail: `${home} cannot be written: ${code}` };
  }
}

/** A batch of a million rows leaves about 100 MB. */
const DISK_WARN = 1e9;
const DISK_FAIL = 50e6;

function diskCheck(home: string): Check {
  try {
    const { bavail, bsize } = statfsSync(existing(home));
    const free = bavail * bsize;
    const status = free < DISK_FAIL ? 'fail' : free < DISK_WARN ? 'warn' : 'ok';
    return { name: 'disk', status, detail: `${formatBytes(free)} free` };
  } catch (error) {
    return {
      name: 'disk',
      status: 'warn',
      detail: `free space unknown: ${(error as Error).message}`,
    };
  }
}

const CHANGES = 20;
/** One durable change; a commit waits for one or two. */
const SLOW_CHANGE_MS = 50;

async function storeCheck(home: string): Promise<Check> {
  const folder = join(home, `doctor-${process.pid}`);
  const made = existing(home) !== home;
  try {
    mkdirSync(folder, { recursive: true });
    const store = await openLocalCheckpointStore(join(folder, 'check.db'));
    const from = performance.now();
    for (let change = 0; change < CHANGES; change += 1) {
      await store.change({ batch: 'doctor', sort: 'B' }, { when: [], add: { n: 1 } });
    }
    const ms = (performance.now() - from) / CHANGES;
    await store.close();
    const detail = `SQLite opens, a durable change takes ${formatDuration(ms)}`;
    return { name: 'store', status: ms > SLOW_CHANGE_MS ? 'warn' : 'ok', detail };
  } catch (error) {
    return { name: 'store', status: 'fail', detail: (error as Error).message };
  } finally {
    removeChecked(folder, made ? home : undefined);
  }
}

/** The home goes only while it is empty: a run may have begun in it meanwhile. */
function removeChecked(folder: string, home: string | undefined): void {
  try {
    rmSync(folder, { recursive: true, force: true });
    if (home !== undefined) rmdirSync(home);
  } catch {
    // It was never made, or is in use.
  }
}

function coresCheck(): Check {
  const cores = availableParallelism();
  const detail = cores > 1 ? `${cores}, CPU-bound jobs use that many threads` : '1, no threads';
  return { name: 'cores', status: 'ok', detail };
}

/** A run takes 100 to 300 MB. */
const MEMORY_WARN = 512e6;

function memoryCheck(): Check {
  const limit = process.constrainedMemory();
  // 0 or a huge number stand for "no limit".
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return {
    name: 'memory',
    status: bytes < MEMORY_WARN ? 'warn' : 'ok',
    detail: formatBytes(bytes),
  };
}

/** Tools that only checks of this project use. */
const JUDGES = [
  { name: 'java', programs: ['java'], use: 'DynamoDB Local' },
  { name: 'cfn-lint', programs: ['cfn-lint'], use: 'checks of templates' },
  {
    name: 'chromium',
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    use: 'pictures of reports',
  },
] as const;

/** Optional: missing is no warning. */
function judgeCheck({ name, programs, use }: (typeof JUDGES)[number]): Check {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = programs
    .flatMap((program) => folders.map((folder) => join(folder, program)))
    .find(existsSync);
  return { name, status: 'ok', detail: `${found ?? 'not found'} (optional: ${use})` };
}
