import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { FOOT_BYTES } from '../../lib/engine/part.ts';
import { sectionsOf } from '../../lib/engine/read-part.ts';

/** The built file itself: kill -9 of npx or npm would leave its child running. */
export const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'sluice-test-'));

export interface CliAnswer {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  env?: Record<string, string>;
  cwd?: string;
  stdin?: string | Uint8Array;
}

export function startCli(
  args: string[],
  options: CliOptions = {},
): {
  child: ChildProcess;
  done: Promise<CliAnswer>;
  /** What stderr holds so far. */
  said(): string;
} {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined); // a command that ends early does not read it all
  child.stdin.end(options.stdin);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const done = new Promise<CliAnswer>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, done, said: () => stderr };
}

export const cli = (args: string[], options: CliOptions = {}): Promise<CliAnswer> =>
  startCli(args, options).done;

/** Outcomes of a finished batch: the parts' first members, decompressed and concatenated in index order. */
export function outcomesOf(home: string, batch: string): string {
  const round = join(home, 'batches', batch, 'r0');
  const lines = readFileSync(join(round, 'manifest.jsonl'), 'utf8').split('\n').filter(Boolean);
  return lines
    .map((line) => {
      const { key } = JSON.parse(line) as { key: string };
      const bytes = readFileSync(join(home, key));
      const { outcomes } = sectionsOf(key, bytes.subarray(bytes.length - FOOT_BYTES), bytes.length);
      return gunzipSync(bytes.subarray(outcomes.start, outcomes.end)).toString();
    })
    .join('');
}

export const reportOf = (home: string, batch: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(home, 'batches', batch, 'r0', 'report.json'), 'utf8')) as Record<
    string,
    unknown
  >;

export const hasReport = (home: string, batch: string): boolean =>
  existsSync(join(home, 'batches', batch, 'r0', 'report.json'));
