import {
  PermanentError,
  RetryableError,
  SluiceError,
  StalledError,
} from '../../lib/core/errors.ts';
import type { Job, JobContext } from '../../lib/core/job.ts';
import type { Settings } from '../../lib/core/options.ts';
import { ok, type Result, skip } from '../../lib/core/outcome.ts';
import type { RecordBlock } from '../../lib/core/records.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import type { EachStep } from '../../lib/core/step.ts';
import type { Input } from '../../lib/ports/input.ts';
import { SKEW_MS } from './cloud-limits.ts';
import type { SimConfig } from './config.ts';
import { withGroups } from './groups.ts';
import type { Invariants } from './invariants.ts';
import type { SimProcess } from './process.ts';
import { type SimRemote, waitsForRemote } from './remote.ts';
import type { World } from './world.ts';

export const JOB_NAME = 'sim';
/** The `now` of every simulated batch, so that outcomes do not hang on when it was started. */
export const BATCH_NOW = 1_690_000_000_000;
const ITEM_TIMEOUT_MS = 15_000;
/** Longer than any stall: a process that was stopped must not find its innocent items timed out. */
const NO_TIMEOUT_MS = 870_000;
const TRIES = 3;

export const settingsFor = (config: SimConfig): Settings => ({
  concurrency: config.concurrency,
  workers: config.workers,
  prefetch: config.prefetch,
  chunk: config.chunk,
  chunkBytes: 4_194_304,
  itemTimeoutMs: config.hangs ? ITEM_TIMEOUT_MS : NO_TIMEOUT_MS,
  maxRecordBytes: 1_048_576,
  tries: TRIES,
  retryBaseMs: 200,
  retryMaxMs: 20_000,
  ...(config.tolerate === undefined ? {} : { tolerate: { count: config.tolerate, minSample: 0 } }),
});

type Kind = 'ok' | 'quick' | 'skip' | 'fails' | 'stalls' | 'flaky' | 'worn' | 'hangs';

/** How an item ends, by its index: a pure function of the seed. */
export function kindOf(config: SimConfig, index: number, round = 0): Kind {
  const kind = kindInRound0(config, index);
  const mended = round > 0 && (index + config.seed) % 3 > 0;
  return mended && (kind === 'fails' || kind === 'stalls' || kind === 'worn') ? 'ok' : kind;
}

function kindInRound0({ seed, hangs }: SimConfig, index: number): Kind {
  let word = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(seed + 7, 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d);
  const share = ((word ^ (word >>> 12)) >>> 0) % 100;
  if (share < 45) return 'ok';
  if (share < 60) return 'quick';
  if (share < 72) return 'skip';
  if (share < 82) return 'fails';
  if (share < 88) return 'stalls';
  if (share < 94) return 'flaky';
  return share < 98 || !hangs ? 'worn' : 'hangs';
}

interface Row {
  id: number;
}
const rowOf = (index: number): Row => ({ id: index });
const keyOf = (row: Row): string => `k${row.id}`;

export interface SimJobPorts {
  world: World;
  invariants: Invariants;
  remote: SimRemote;
  process: SimProcess;
  /** The round of the attempt: what the world has mended since round 0. */
  round: number;
}

/** The job as one process loads it. */
export function simJob({ world, invariants, remote, process, round }: SimJobPorts): Job {
  const { config } = world;
  /** Its group refuses it. */
  const isBad = (index: number): boolean =>
    config.groups !== undefined && !config.fickle && kindOf(config, index, round) === 'fails';
  const run = async (row: Row, context: JobContext): Promise<Result> => {
    const own = config.fickle ? fickleKind(world) : kindOf(config, row.id, round);
    const kind = isBad(row.id) ? 'ok' : own;
    invariants.itemStarts(process, row.id, round);
    world.trace(process.id, `item ${row.id} starts (${kind}, try ${context.attempt})`);
    try {
      if (config.quota !== undefined) await context.quota('remote').call(invariants.called);
      if (row.id === config.killer) {
        await process.clock.sleep(world.between(0, 50));
        world.hit('killerItem');
        process.kill(`item ${row.id} kills it`);
      }
      if (kind === 'ok' && !config.fickle && waitsForRemote(config, row.id)) {
        const of = { index: row.id, round };
        await context.poll(
          ({ idempotencyKey: key }) => remote.submit(process, { ...of, key }),
          (id) => remote.check(process, { ...of, id }),
        );
        return answerOf(kind, row, context);
      }
      await process.clock.sleep(durationOf(world, kind), context.signal);
      return answerOf(kind, row, context);
    } finally {
      invariants.itemEnds(process);
    }
  };
  const first: EachStep = (row, context) => {
    const { id } = row as Row;
    const quick =
      config.quota === undefined && !config.fickle && kindOf(config, id, round) === 'quick';
    if (!quick || id === config.killer) return run(row as Row, context);
    invariants.itemStarts(process, id, round);
    invariants.itemEnds(process);
    return answerOf('quick', row as Row, context);
  };
  return {
    sluice: 'job/1',
    name: JOB_NAME,
    input: { format: 'ndjson', schema: undefined, options: {}, open: refuse },
    key: (row) => keyOf(row as Row),
    ...quotasOf(config),
    ...withGroups(first, { world, process, round, isBad }),
  };
}

/** Its clocks are what functions have. */
const quotasOf = ({ quota }: SimConfig): Pick<Job, 'quotas'> =>
  quota === undefined
    ? {}
    : { quotas: { remote: { calls: quota.calls, per: `${quota.ms}ms`, skew: `${SKEW_MS}ms` } } };

function durationOf(world: World, kind: Kind): number {
  if (kind === 'hangs') return 10 * ITEM_TIMEOUT_MS;
  // Three tries and their back-off stay far below the time-out.
  const most = kind === 'flaky' || kind === 'worn' ? 1_000 : world.config.itemMs;
  return world.between(1, Math.min(most, world.config.itemMs));
}

/** Another answer at each call, but none that is tried again. */
const fickleKind = (world: World): Kind =>
  (['ok', 'skip', 'fails', 'stalls'] as const)[world.between(0, 3)] as Kind;

function answerOf(kind: Kind, { id }: Row, context: JobContext): Result {
  switch (kind) {
    case 'skip':
      return skip(`nothing to do for ${id}`);
    case 'fails':
      throw new PermanentError(`no ${id}`, { code: 'NO' });
    case 'stalls':
      throw new StalledError(`no answer about ${id}`);
    case 'flaky':
      if (context.attempt < TRIES) throw new RetryableError(`not yet ${id}`);
      return ok({ id, draw: context.rng() });
    case 'worn':
      throw new RetryableError(`never ${id}`);
    default:
      return ok({ id, draw: context.rng() });
  }
}

/** What an undisturbed run, one item after another, records: written down without the engine. */
export function oracleLine(config: SimConfig, index: number, round: number): string {
  const head = `{"index":${index},"key":"k${index}","status":`;
  const failed = (status: string, kind: string, code: string, message: string): string =>
    `${head}"${status}","error":{"kind":"${kind}","code":"${code}","message":"${message}"}}\n`;
  if (index === config.killer) return crashedLine(index);
  switch (kindOf(config, index, round)) {
    case 'skip':
      return `${head}"skipped","reason":"nothing to do for ${index}"}\n`;
    case 'fails':
      return failed('failed', 'permanent', 'NO', `no ${index}`);
    case 'stalls':
      return failed('stalled', 'stalled', 'STALLED', `no answer about ${index}`);
    case 'worn':
      return failed('failed', 'retryable', 'RETRYABLE', `never ${index}`);
    case 'hangs': {
      const message = `The item did not end within its itemTimeout of ${ITEM_TIMEOUT_MS} ms.`;
      return failed('failed', 'timeout', 'ITEM_TIMEOUT', message);
    }
    default: {
      const draw = seededRandom(`${JOB_NAME}\0${index}\0${JSON.stringify(rowOf(index))}`)();
      return `${head}"ok","value":{"id":${index},"draw":${draw}}}\n`;
    }
  }
}

export const crashedLine = (index: number): string =>
  `{"index":${index},"key":"k${index}","status":"failed","error":{"kind":"crashed","code":"CRASHED","message":"The item ended its worker: an endless loop, out of memory, or a native crash."}}\n`;
export const notRunLine = (index: number): string =>
  `{"index":${index},"key":null,"status":"notRun"}\n`;

/** Rows in memory as a pinned input; replaced at `changedAt`, slow to cut in some worlds. */
export function simInput(world: World, process: SimProcess): Input {
  const { items, chunk, changedAt, planMs } = world.config;
  const unchanged = (): void => {
    if (changedAt === undefined || world.now() < changedAt) return;
    world.hit('inputChanged');
    throw new SluiceError('INPUT_CHANGED', 'The input is not the one that the batch began with.');
  };
  return {
    prepare: async () => undefined,
    fault: () => undefined,
    digest: async () => `digest of ${items} rows`,
    async *cuts(cursor) {
      for (let first = Number(cursor.split(':')[2] ?? 0); first < items; first += chunk) {
        if (planMs > 0) await process.clock.sleep(world.between(0, planMs));
        unchanged();
        const count = Math.min(chunk, items - first);
        const end = first + count;
        yield { range: { source: 0, start: first, end, first, count }, cursor: `0:${end}:${end}` };
      }
    },
    async *records({ first, count }): AsyncIterable<RecordBlock> {
      unchanged();
      const rows = Array.from({ length: count }, (_, at) => rowOf(first + at));
      const raws = rows.map((row) => JSON.stringify(row));
      yield { first, rows, raws, errors: undefined };
    },
  };
}

function refuse(): never {
  throw new Error('a simulated input is never opened');
}
