import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const PEERS = join(tmpdir(), 'sluice-bench-peers');

const INSTALL_MS = 120_000;
let tried = false;

/**
 * Other people's packages, by exact version, in a folder outside the checkout.
 * @returns their folder, or undefined when they cannot be had
 */
export async function peers(packages: readonly string[]): Promise<string | undefined> {
  if (await areThere(PEERS, packages)) return PEERS;
  if (tried) return undefined;
  tried = true;
  return (await installed(PEERS, ALL_PEERS)) ? PEERS : undefined;
}

async function areThere(folder: string, packages: readonly string[]): Promise<boolean> {
  const wanted = packages.map((one) => {
    const at = one.lastIndexOf('@');
    return { name: one.slice(0, at), version: one.slice(at + 1) };
  });
  const versions = wanted.map(async ({ name, version }) => {
    const text = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8');
    return (JSON.parse(text) as { version: string }).version === version;
  });
  return (await Promise.all(versions).catch(() => [false])).every(Boolean);
}

/** Installs packages by exact version in a folder, unless they are there; returns whether they are. */
export async function installed(folder: string, packages: readonly string[]): Promise<boolean> {
  if (await areThere(folder, packages)) return true;
  mkdirSync(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"name":"sluice-peers","private":true}\n');
  try {
    // One install names all: without a saved list npm removes what a later install does not name.
    const flags = [
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--legacy-peer-deps',
      '--fetch-retries=0',
    ];
    execFileSync('npm', ['install', ...flags, ...packages], {
      cwd: folder,
      stdio: 'pipe',
      timeout: INSTALL_MS,
    });
  } catch {
    return false;
  }
  return areThere(folder, packages);
}

/** Where a package's main module lies, for `import()` in a process elsewhere. */
export const peerUrl = async (folder: string, name: string): Promise<string> => {
  const require = createRequire(join(folder, 'index.js'));
  return pathToFileURL(require.resolve(name)).href;
};

export const P_MAP = 'p-map@7.1.1';
export const CSV_PARSE = 'csv-parse@7.0.3';
export const BIG = 'big.js@7.0.1';
export const BULLMQ = 'bullmq@6.7.0';
export const IOREDIS = 'ioredis@6.0.0';
const ALL_PEERS = [P_MAP, CSV_PARSE, BIG, BULLMQ, IOREDIS];

export interface Redis {
  port: number;
  end(): Promise<void>;
}

/** A Redis of its own on a free port of the loopback, with AOF each second; undefined without redis-server. */
export async function startRedis(folder: string): Promise<Redis | undefined> {
  const dir = join(folder, 'redis');
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const aof = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
  const server = spawn('redis-server', [...flags, ...aof], { stdio: 'ignore' });
  const failed = once(server, 'error').then(
    () => true,
    () => true,
  );
  for (let tries = 0; tries < 100; tries++) {
    if (await Promise.race([failed, answers(port)])) break;
    await sleep(50);
  }
  if (server.pid === undefined || !(await answers(port))) {
    server.kill();
    return undefined;
  }
  return { port, end: () => ended(server) };
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const exit = once(server, 'exit');
  server.kill();
  await exit;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
