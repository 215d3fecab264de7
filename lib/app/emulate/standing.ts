import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Emulator } from './emulator.ts';

/** What a standing emulator leaves in its home, so that other commands find it. */
export interface Standing {
  pid: number;
  stack: string;
  endpoint: string;
  speed: number;
  outputs: Record<string, string>;
  /** AWS_* variables for a process that wants to reach it. */
  env: Record<string, string>;
}

const fileOf = (home: string): string => join(home, 'emulate.json');

/** Writes `<home>/emulate.json`; the answer removes it again. */
export function announceStanding(home: string, emulator: Emulator): () => void {
  const { stack, endpoint, speed, outputs, env } = emulator;
  const standing: Standing = { pid: process.pid, stack, endpoint, speed, outputs, env };
  writeFileSync(fileOf(home), `${JSON.stringify(standing, undefined, 2)}\n`);
  return () => {
    // Another emulator may have taken the place meanwhile.
    if (readStanding(home)?.pid === process.pid) rmSync(fileOf(home), { force: true });
  };
}

/** The emulator that stands in this home; undefined where there is none, or where its process has ended. */
export function readStanding(home: string): Standing | undefined {
  try {
    const standing = JSON.parse(readFileSync(fileOf(home), 'utf8')) as Standing;
    process.kill(standing.pid, 0);
    return standing;
  } catch {
    return undefined;
  }
}
