import { batchFacts, newestFirst } from '../app/batch-facts.ts';
import { homeSizes, postgresBytes } from '../app/home-sizes.ts';
import { type HomePlace, placeOfHome, requireBatch } from '../app/place.ts';
import { SluiceError } from '../core/errors.ts';
import { formatBytes, formatCount, formatDuration, formatRate } from '../core/format.ts';
import { judgeSteady, type SteadySample, type SteadyVerdict } from '../core/steady.ts';
import { hasEnded } from '../core/transitions.ts';
import { type BatchState, batchState } from '../engine/status.ts';
import { EXIT } from './exit-codes.ts';
import { atLeast } from './flags.ts';
import { listenForInterrupts } from './interrupts.ts';
import type { Cli } from './terminal.ts';
import { inHome } from './with-home.ts';
import { refuseStack } from './with-place.ts';

export interface WatchFlags {
  for?: string;
  every?: string;
  database?: string;
}

/** Notes come each second: samples closer than that would tell of the same one. */
const MIN_EVERY_MS = 1_000;
const EVERY = '1m';
/** What a verdict needs, with the samples that it leaves out as warm-up. */
const FEWEST_SAMPLES = 10;
const MAX_SAMPLES = 100_000;

interface Sample extends SteadySample {
  /** ISO 8601, UTC. */
  at: string;
  status: string;
  /** Items per second since the sample before; null for the first. */
  rate: number | null;
  etaMs: number | null;
  logBytes: number;
  databaseBytes: number;
  /** Of the database that --database names; null without it, or when it did not answer. */
  postgresBytes: number | null;
}

/**
 * Samples a batch for a while, a line a sample; exit 1 when its rate drifts or its memory grows. Ctrl-C ends it with
 * the verdict of what was seen so far, and with 130: the time that was asked for is not over.
 */
export async function watchForCommand(
  cli: Cli,
  id: string | undefined,
  flags: WatchFlags & { for: string },
): Promise<number> {
  refuseStack(cli, 'watch --for', 'It reads the memory of a local process; leave --stack out.');
  const everyMs = atLeast('--every', flags.every ?? EVERY, MIN_EVERY_MS);
  const forMs = atLeast('--for', flags.for, everyMs * FEWEST_SAMPLES);
  if (forMs / everyMs > MAX_SAMPLES) {
    throw new SluiceError(
      'USAGE',
      `--for ${flags.for} would be more than ${MAX_SAMPLES} samples; take a longer --every.`,
    );
  }
  return inHome(cli, async (home) => {
    const place = placeOfHome(home);
    const batch = id ?? (await newestRunning(place));
    await requireBatch(place, batch);
    const interrupts = listenForInterrupts(cli, 'Stopping: the samples up to here are judged.');
    const { signal } = interrupts;
    try {
      const samples = await take(cli, place, { ...flags, batch, everyMs, forMs, signal });
      return await tell(cli, { batch, samples, interrupted: signal.aborted });
    } finally {
      interrupts.end();
    }
  });
}

async function newestRunning(place: HomePlace): Promise<string> {
  const running = (await newestFirst(place)).find(({ status }) => !hasEnded(status));
  if (running !== undefined) return running.id;
  throw new SluiceError('NOT_FOUND', `No batch runs in ${place.name}.`, {
    hint: 'Name one, or see: sluice list',
  });
}

interface Sampling extends WatchFlags {
  batch: string;
  everyMs: number;
  forMs: number;
  signal: AbortSignal;
}

async function take(cli: Cli, place: HomePlace, sampling: Sampling): Promise<Sample[]> {
  const { batch, everyMs, forMs, signal } = sampling;
  const samples: Sample[] = [];
  const from = place.clock.monotonic();
  for (let number = 0; number * everyMs <= forMs; number += 1) {
    // By the start, not by the sample before: 360 small delays would be a minute.
    await place.clock.sleep(Math.max(0, from + number * everyMs - place.clock.monotonic()), signal);
    if (signal.aborted) break;
    const state = await batchState(place.store, batch);
    if (state === undefined || hasEnded(state.batch.status)) {
      cli.say(`Batch ${batch} has ended; the samples up to here are judged.`);
      break;
    }
    const sample = await sampleOf(place, { ...sampling, state, before: samples.at(-1) });
    samples.push(sample);
    await cli.out(`${cli.json ? JSON.stringify({ batch, ...sample }) : lineOf(sample)}\n`);
  }
  return samples;
}

async function sampleOf(
  place: HomePlace,
  { state, before, database }: Sampling & { state: BatchState; before: Sample | undefined },
): Promise<Sample> {
  const { status, doneItems, rssBytes, etaMs } = await batchFacts(place, state);
  const atMs = place.clock.monotonic();
  const seconds = before === undefined ? 0 : (atMs - before.atMs) / 1000;
  const rate = before === undefined ? null : (doneItems - before.doneItems) / seconds;
  return {
    at: new Date(place.clock.now()).toISOString(),
    atMs: Math.round(atMs),
    status,
    doneItems,
    rate: rate === null ? null : Math.round(rate * 1000) / 1000,
    etaMs,
    rssBytes,
    ...(await homeSizes(place.home)),
    postgresBytes: database === undefined ? null : await sizeOf(database, before),
  };
}

/** The first answer must come, since a wrong URL never gives one; a later one that fails is a sample without it. */
async function sizeOf(url: string, before: Sample | undefined): Promise<number | null> {
  try {
    return await postgresBytes(url);
  } catch (error) {
    if (before === undefined) throw error;
    return null;
  }
}

function lineOf(sample: Sample): string {
  const { at, status, doneItems, rate, etaMs, rssBytes, postgresBytes: postgres } = sample;
  return [
    `${at.slice(0, 19)}Z`,
    `${formatCount(doneItems, ' ')} done`,
    ...(status === 'running' ? [] : [status]),
    ...(rate === null ? [] : [formatRate(rate, ' ')]),
    ...(etaMs === null ? [] : [`ETA ${formatDuration(etaMs)}`]),
    ...(rssBytes === null ? [] : [`memory ${formatBytes(rssBytes)}`]),
    `logs ${formatBytes(sample.logBytes)}`,
    `database ${formatBytes(sample.databaseBytes)}`,
    ...(postgres === null ? [] : [`PostgreSQL ${formatBytes(postgres)}`]),
  ].join('  ');
}

interface Seen {
  batch: string;
  samples: Sample[];
  interrupted: boolean;
}

async function tell(cli: Cli, { batch, samples, interrupted }: Seen): Promise<number> {
  const verdict = judgeSteady(samples);
  const steady = verdict.faults.length === 0;
  if (cli.json) {
    const facts = { batch, samples: samples.length, interrupted, steady, ...verdict };
    await cli.out(`${JSON.stringify(facts)}\n`);
  } else {
    await cli.out(`${steady ? 'steady' : 'not steady'}: ${wordsOf(verdict)}\n`);
  }
  for (const fault of verdict.faults) cli.say(`Batch ${batch}: ${fault}`);
  if (interrupted) return EXIT.interrupted;
  return steady ? EXIT.ok : EXIT.error;
}

function wordsOf({ rateDrift, memoryGrowth }: SteadyVerdict): string {
  const share = (value: number | null): string =>
    value === null ? 'not known' : `${(value * 100).toFixed(1)} %`;
  return `rate drift ${share(rateDrift)}, memory growth ${share(memoryGrowth)} (at most 10 % each)`;
}
