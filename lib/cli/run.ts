import type { StackPlace } from '../app/aws/open-stack.ts';
import type { Progress } from '../app/drive.ts';
import { placeOfHome } from '../app/place.ts';
import { type RunRequest, resumeBatchById, runBatch } from '../app/run-batch.ts';
import { standing } from '../app/runner.ts';
import type { Parallel } from '../app/seating.ts';
import type { Taken } from '../app/take-batch.ts';
import { SluiceError } from '../core/errors.ts';
import { shareWords } from '../core/quota-settings.ts';
import { hasEnded } from '../core/transitions.ts';
import type { Batch } from '../engine/batch.ts';
import { EXIT } from './exit-codes.ts';
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
import { withHome } from './with-home.ts';
import { inPlace, refuseStack } from './with-place.ts';

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
  refuseStack(cli, 'run', `Upload the files instead: sluice submit ${job} <files...>`);
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
    return showEnd(cli, placeOfHome(home), { ...taken, details: flags.details === true });
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
  if (cli.stack !== undefined) refuseWidth('resume', flags);
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
  return inPlace(cli, async (place) => {
    if (place.kind === 'stack') return resumeStack(cli, place, request);
    const taken = await driveBatch(cli, (hooks) =>
      resumeBatchById(place.home, { ...request, ...hooks }),
    );
    return showEnd(cli, place, { ...taken, details: flags.details === true });
  });
}

/** The functions of a stack have the limits that they were deployed with. */
export function refuseWidth(command: string, flags: ResumeFlags): void {
  const given = (['concurrency', 'workers', 'parallel', 'details'] as const).find(
    (name) => flags[name] !== undefined,
  );
  if (given === undefined) return;
  throw new SluiceError('USAGE', `${command} on a stack does not take --${given}.`, {
    hint: 'A stack works with the limits that its jobs were deployed with.',
  });
}

/** It does not wait: the functions go on by themselves. */
async function resumeStack(
  cli: Cli,
  place: StackPlace,
  { batch: id, acceptCode }: { batch: string; acceptCode: boolean },
): Promise<number> {
  const { resumeOnStack } = await import('../app/aws/stack-stop.ts');
  const batch = await resumeOnStack(place, id, { acceptCode });
  if (hasEnded(batch.status)) return showEnd(cli, place, { batch, driven: 'ended' });
  const watch = cli.command(`watch ${id}`);
  const status = standing(batch, true);
  const share = shareWords(batch.settings);
  if (share !== undefined) cli.say(share);
  if (cli.json) await cli.out(`${JSON.stringify({ batch: id, status, watch })}\n`);
  else await cli.out(`Batch ${id} goes on where it was.\n`);
  cli.say(`Follow it with: ${watch}`);
  return EXIT.ok;
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
  const share = how === 'ended' ? undefined : shareWords(batch.settings);
  if (share !== undefined) cli.say(share);
  if (how === 'new') cli.say(`Batch ${batch.id}`);
  else if (how === 'resumed') cli.say(`Batch ${batch.id} goes on where it was.`);
  else {
    cli.say(
      `Batch ${batch.id} has ended before: the same input, job and options are the same batch (--again makes another).`,
    );
  }
}
