import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../../lib/core/outcome.ts';
import type { Report } from '../../lib/core/report.ts';
import {
  type CliAnswer,
  type CliOptions,
  newFolder,
  outcomesOf,
  reportOf,
  startCli,
} from './cli.ts';
import { warmCli } from './warm-cli.ts';

/** A folder of its own with a home in it; names of files are relative to the folder. */
export interface World {
  folder: string;
  home: string;
  path(name: string): string;
  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string;
  /** `sluice <args> --home <home>`. */
  cli(args: string[], options?: CliOptions): Promise<CliAnswer>;
  start(args: string[], options?: CliOptions): ReturnType<typeof startCli>;
  /** Ids of the home's batches, sorted. */
  batches(): string[];
  /** The only batch of the home. */
  batch(): string;
  /** Text of a finished batch's outcomes; of the only batch by default. */
  outcomes(batch?: string): string;
  report(batch?: string): Report;
}

/**
 * @param home below the folder, or an absolute path
 * @param run how commands are run: in a process that ran others, or (`cli`) in one of their own
 */
export function newWorld(home = 'home', run = warmCli): World {
  const folder = newFolder();
  const path = (name: string): string => join(folder, name);
  const homePath = resolve(folder, home);
  const inHome = (args: string[]): string[] => [...args, '--home', homePath];
  const batches = (): string[] => {
    try {
      return readdirSync(join(homePath, 'batches')).sort();
    } catch {
      return [];
    }
  };
  const batch = (): string => {
    const [id, ...more] = batches();
    if (id === undefined || more.length > 0) throw new Error(`${batches().length} batches, not 1`);
    return id;
  };
  return {
    folder,
    home: homePath,
    path,
    write(name, content) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
      return path(name);
    },
    cli: (args, options) => run(inHome(args), { cwd: folder, ...options }),
    start: (args, options) => startCli(inHome(args), { cwd: folder, ...options }),
    batches,
    batch,
    outcomes: (id = batch()) => outcomesOf(homePath, id),
    report: (id = batch()) => reportOf(homePath, id) as unknown as Report,
  };
}

export const parseLines = <T>(text: string): T[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);

/** One short text an item: `a ok 1`, `a skipped why`, `null failed SCHEMA`. */
export const brief = (outcomes: string): string[] =>
  parseLines<Outcome>(outcomes).map((outcome, at) => {
    if (outcome.index !== at) throw new Error(`index ${outcome.index} at line ${at}`);
    const { key, status } = outcome;
    if (status === 'ok') return `${key} ok ${JSON.stringify(outcome.value)}`;
    if (status === 'skipped') return `${key} skipped ${outcome.reason}`;
    return status === 'notRun' ? `${key} notRun` : `${key} ${status} ${outcome.error.code}`;
  });

/** Waits for a fact about files or processes that only time brings; throws after 15 s. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await holds()) return;
    await sleep(25);
  }
  throw new Error(`Waited 15 s for ${what}.`);
}
