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
import type { Stage } from '../../lib/core/stage.ts';
import type { StageSettings } from '../../lib/core/stage-settings.ts';
import type { EachStep } from '../../lib/core/step.ts';
import type { Input } from '../../lib/ports/input.ts';
import { SKEW_MS } from './cloud-limits.ts';
import type { SimConfig } from './config.ts';
import { groupStage, withoutKey } from './group-stage.ts';
import { withGroups } from './groups.ts';
import type { Invariants } from './invariants.ts';
import { JOB_NAME, type Kind, kindOf, spread, valuesOf } from './kinds.ts';
import type { SimProcess } from './process.ts';
import { type SimRemote, waitsForRemote } from './remote.ts';
import type { World } from './world.ts';

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
  ...(config.stages === 1 ? {} : { stages: stagesFor(config) }),
});

const stagesFor = (config: SimConfig): StageSettings[] =>
  Array.from({ length: config.stages }, (_, at) => ({
    name: `s${at}`,
    concurrency: config.concurrency,
    workers: config.workers,
    prefetch: config.prefetch,
    chunk: Math.max(1, (config.chunk + 3 * at) % 8),
    itemTimeoutMs: NO_TIMEOUT_MS,
    tries: TRIES,
    retryBaseMs: 200,
    retryMaxMs: 20_000,
    ...(config.groupAt === at ? { groupBy: true as const } : {}),
  }));

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
    invariants.itemStarts(process, row.id, { round });
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
      return spread(config, answerOf(kind, row, context));
    } finally {
      invariants.itemEnds(process);
    }
  };
  const first: EachStep = (row, context) => {
    const { id } = row as Row;
    const quick =
      config.quota === undefined && !config.fickle && kindOf(config, id, round) === 'quick';
    if (!quick || id === config.killer) return run(row as Row, context);
    invariants.itemStarts(process, id, { round });
    invariants.itemEnds(process);
    return spread(config, answerOf('quick', row as Row, context));
  };
  const job: Job = {
    sluice: 'job/1',
    name: JOB_NAME,
    input: { format: 'ndjson', schema: undefined, options: {}, open: refuse },
    key: (row) => keyOf(row as Row),
    ...quotasOf(config),
    ...withGroups(first, { world, process, round, isBad }),
  };
  if (config.stages === 1) return job;
  const { process: _one, ...rest } = job;
  const stages = [{ sluice: 'each/1', name: 's0', process: first } as Stage];
  for (let stage = 1; stage < config.stages; stage += 1) {
    const make = config.groupAt === stage ? groupStage : laterStage;
    stages.push(make({ world, invariants, remote, process, round }, stage));
  }
  return { ...rest, stages };
}

/** Behind the first stage: what it gave goes through the others, which skip and fail some of it. */
function laterStage({ world, invariants, process, round }: SimJobPorts, stage: number): Stage {
  const work = async (row: unknown, context: JobContext): Promise<Result> => {
    const { index } = context;
    invariants.itemStarts(process, index, { round, stage });
    world.trace(process.id, `item ${index} of stage ${stage} starts`);
    try {
      await process.clock.sleep(world.between(1, world.config.itemMs), context.signal);
      const kind = kindOf(world.config, index + 1_000 * stage, round);
      if (kind === 'skip') return skip(`not in stage ${stage}`);
      if (kind === 'fails') throw new PermanentError(`no ${index} here`, { code: 'NO' });
      return spread(world.config, ok({ of: row, stage, draw: context.rng() }), index);
    } finally {
      invariants.itemEnds(process, stage);
    }
  };
  return { sluice: 'each/1', name: `s${stage}`, process: work as Stage['process'] & object };
}

/** What a row of a later stage is recorded as, by what it was given. */
export function oracleLineOf(
  config: SimConfig,
  { stage, index, round }: { stage: number; index: number; round: number },
  given: unknown,
): string {
  const head = `{"index":${index},"key":"${index}","status":`;
  const kind = kindOf(config, index + 1_000 * stage, round);
  if (kind === 'skip') return `${head}"skipped","reason":"not in stage ${stage}"}\n`;
  if (kind === 'fails') {
    const error = { kind: 'permanent', code: 'NO', message: `no ${index} here` };
    return `${head}"failed","error":${JSON.stringify(error)}}\n`;
  }
  const draw = seededRandom(`${JOB_NAME}/s${stage}\0${index}\0${JSON.stringify(given)}`)();
  return okLine(config, { head, stage, index }, { of: given, stage, draw });
}

const okLine = (
  config: SimConfig,
  { head, stage, index }: { head: string; stage: number; index: number },
  value: unknown,
): string => {
  const many = valuesOf(value, index);
  const refused = withoutKey(config, { stage, head }, many ?? [value]);
  if (refused !== undefined) return refused;
  return many === undefined
    ? `${head}"ok","value":${JSON.stringify(value)}}\n`
    : `${head}"ok","values":${JSON.stringify(many)}}\n`;
};

/** What outcome lines give to the next stage, in order. */
export function givenBy(rows: string): unknown[] {
  const given: unknown[] = [];
  for (const line of rows.split('\n')) {
    if (line === '') continue;
    const row = JSON.parse(line) as { status: string; value?: unknown; values?: unknown[] };
    if (row.status === 'ok') given.push(...(row.values ?? [row.value]));
  }
  return given;
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
      if (config.stages > 1) return okLine(config, { head, stage: 0, index }, { id: index, draw });
      return `${head}"ok","value":{"id":${index},"draw":${draw}}}\n`;
    }
  }
}

export const crashedLine = (index: number, key = `k${index}`): string =>
  `{"index":${index},"key":"${key}","status":"failed","error":{"kind":"crashed","code":"CRASHED","message":"The item ended its worker: an endless loop, out of memory, or a native crash."}}\n`;
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
