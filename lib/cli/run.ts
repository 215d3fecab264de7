import type { Parallel } from '../app/attempts.ts';
import type { Progress } from '../app/drive.ts';
import { type RunRequest, resumeBatchById, runBatch } from '../app/run-batch.ts';
import type { Taken } from '../app/take-batch.ts';
import type { Batch } from '../engine/batch.ts';
import {
  jobOptionsOf,
  type LimitFlags,
  limitsOf,
  type ReaderFlags,
  readerOptionsOf,
} from './flags.ts';
import { guardProcess } from './guard-process.ts';
import { listenForInterrupts } from './interrupts.ts';
import { openDisplay } from './progress.ts';
import { showEnd } from './show-end.ts';
import type { Cli } from './terminal.ts';
import { inHome, withHome } from './with-home.ts';

export interface RunFlags extends LimitFlags, ReaderFlags {
  parallel?: Parallel;
  now?: string;
  option: string[];
  again?: boolean;
  acceptCodeChange?: boolean;
  details?: boolean;
}

export async function runCommand(
  cli: Cli,
  { job, inputs, flags }: { job: string; inputs: string[]; flags: RunFlags },
): Promise<number> {
  const request = {
    job,
    inputs,
    limits: limitsOf(flags, process.env),
    options: jobOptionsOf(flags.option),
    readerOptions: readerOptionsOf(flags),
    parallel: flags.parallel ?? 'auto',
    again: flags.again === true,
    acceptCode: flags.acceptCodeChange === true,
    ...(flags.now === undefined ? {} : { now: flags.now }),
  };
  return withHome(cli, async (home) => {
    const taken = await driveBatch(cli, (hooks) => runBatch(home, { ...request, ...hooks }));
    return showEnd(cli, home, { ...taken, details: flags.details === true });
  });
}

export type ResumeFlags = Pick<
  RunFlags,
  'concurrency' | 'workers' | 'parallel' | 'acceptCodeChange' | 'details'
>;

export async function resumeCommand(
  cli: Cli,
  { batch, flags }: { batch: string; flags: ResumeFlags },
): Promise<number> {
  const { concurrency, workers } = limitsOf(flags, process.env);
  const request = {
    batch,
    limits: {
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(workers === undefined ? {} : { workers }),
    },
    parallel: flags.parallel ?? 'auto',
    acceptCode: flags.acceptCodeChange === true,
  };
  return inHome(cli, async (home) => {
    const taken = await driveBatch(cli, (hooks) => resumeBatchById(home, { ...request, ...hooks }));
    return showEnd(cli, home, { ...taken, details: flags.details === true });
  });
}

export type Hooks = Required<Pick<RunRequest, 'signal' | 'onProgress' | 'onBatch'>>;

/** Runs `start` with progress on stderr and Ctrl-C as a request for a checkpoint. */
export async function driveBatch(
  cli: Cli,
  start: (hooks: Hooks) => Promise<Taken>,
): Promise<Taken> {
  const interrupts = listenForInterrupts(cli);
  const guard = guardProcess(cli);
  const display = await openDisplay(cli);
  let followed = false;
  const onProgress = (progress: Progress): void => {
    if (progress.slots === 0 && !followed) cli.say('Another process runs it; this one follows.');
    followed ||= progress.slots === 0;
    display.update(progress);
  };
  try {
    return await start({
      signal: interrupts.signal,
      onProgress,
      onBatch: (batch, how) => sayBatch(cli, batch, how),
    });
  } finally {
    display.end();
    guard.end();
    interrupts.end();
  }
}

function sayBatch(cli: Cli, batch: Batch, how: 'new' | 'resumed' | 'ended'): void {
  if (how === 'new') cli.say(`Batch ${batch.id}`);
  else if (how === 'resumed') cli.say(`Batch ${batch.id} goes on where it was.`);
  else {
    cli.say(
      `Batch ${batch.id} has ended before: the same input, job and options are the same batch (--again makes another).`,
    );
  }
}
