import { RECORD_VERSION, type StoredRecord } from '../core/change.ts';
import { SluiceError } from '../core/errors.ts';
import {
  batchKey,
  CHUNKS_PER_TALLY,
  LIVE,
  type StageId,
  stageKey,
  tallyKey,
} from '../core/keys.ts';
import type { Settings } from '../core/options.ts';
import { type Counts, noCounts, STATUSES } from '../core/outcome.ts';
import type { RoundChoice } from '../core/retry.ts';
import type { BatchStatus, End, Stop } from '../core/transitions.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';

/** The batch record, read. */
export interface Batch {
  id: string;
  job: string;
  /** Built-in name or path of the job file. */
  jobRef: string;
  status: BatchStatus;
  end: End | undefined;
  round: number;
  /** What a later round runs again; undefined in round 0. */
  filter: RoundChoice | undefined;
  /** When the present round began, milliseconds since 1970. */
  roundAt: number;
  /** SHA-256 of the job file that may work this batch. */
  digest: string;
  stop: Stop | 'none';
  reason: string | undefined;
  ver: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  now: number;
  options: Record<string, unknown>;
  settings: Settings;
  /** What was given, with the SHA-256 of the stored input list. */
  input: { name: string; bytes: number; sources: number; sha256: string };
}

/** Throws `NEWER` for a record that a newer version wrote. */
export async function readBatch(store: CheckpointStore, id: string): Promise<Batch | undefined> {
  const record = await store.read(batchKey(id));
  if (record === undefined) return undefined;
  const version = record['v'] as number;
  if (version > RECORD_VERSION) {
    throw new SluiceError(
      'NEWER',
      `Batch ${id} was written by a newer version of Sluice (record version ${version}, known: ${RECORD_VERSION}).`,
      { hint: 'Update this installation; nothing was changed.' },
    );
  }
  return toBatch(record);
}

export function toBatch(record: StoredRecord): Batch {
  const settings = JSON.parse(record['settings'] as string) as Settings;
  const { tolerate: _ofRound0, ...rest } = settings;
  const filter =
    record['filter'] === undefined
      ? undefined
      : (JSON.parse(record['filter'] as string) as RoundChoice);
  return {
    id: record['id'] as string,
    job: record['job'] as string,
    jobRef: record['jobRef'] as string,
    status: record['status'] as BatchStatus,
    end: record['end'] as End | undefined,
    round: record['round'] as number,
    filter,
    roundAt: (record['roundAt'] as number | undefined) ?? (record['startedAt'] as number),
    digest: record['digest'] as string,
    stop: record['stop'] as Stop | 'none',
    reason: record['reason'] as string | undefined,
    ver: record['ver'] as number,
    startedAt: record['startedAt'] as number,
    now: record['now'] as number,
    options: JSON.parse(record['options'] as string) as Record<string, unknown>,
    settings: filter === undefined ? settings : { ...rest, ...toleranceIn(filter) },
    input: JSON.parse(record['input'] as string) as Batch['input'],
  };
}

const toleranceIn = ({ tolerate }: RoundChoice): Pick<Settings, 'tolerate'> =>
  tolerate === undefined ? {} : { tolerate };

/** One line of the list of batches. */
export interface LiveEntry {
  id: string;
  job: string;
  input: string;
  startedAt: number;
  round: number;
  status: BatchStatus;
  /** `s3://bucket/key` of the upload that started it, and its ETag (and version). */
  source?: string;
  version?: string;
  /** When a later round had resolved its last failure, milliseconds since 1970. */
  resolvedAt?: number;
  /** `purge --resolved` took it out of the list. */
  forgotten?: number;
  /** `sluice serve` is to run it: its order (milliseconds since 1970), and with what, as JSON. */
  serve?: number;
  how?: string;
}

/** The batches of a home, oldest id first; one query. `all` also gives those that were taken out of the list. */
export async function listBatches(
  store: CheckpointStore,
  { all = false }: { all?: boolean } = {},
): Promise<LiveEntry[]> {
  const found = await store.query(LIVE, '', '\uffff');
  const entries = found.map(({ record }) => record as unknown as LiveEntry);
  return all ? entries : entries.filter(({ forgotten }) => forgotten === undefined);
}

/** The stage record, read; `halt` undefined = not halted. */
export interface Stage {
  cur: string;
  planned: number;
  rel: number;
  sealed: number | undefined;
  fault: string | undefined;
  inputDigest: string | undefined;
  halt: Stop | undefined;
  haltVer: number;
  low: number;
  swept: string | undefined;
  /** Committed chunks when a sweep last saw a change, and when (milliseconds since 1970). */
  progress: number | undefined;
  progressAt: number | undefined;
  record: StoredRecord;
}

export function toStage(record: StoredRecord): Stage {
  return {
    cur: record['cur'] as string,
    planned: record['planned'] as number,
    rel: record['rel'] as number,
    sealed: record['sealed'] as number | undefined,
    fault: record['fault'] as string | undefined,
    inputDigest: record['inputDigest'] as string | undefined,
    halt: record['halt'] as Stop | undefined,
    haltVer: record['haltVer'] as number,
    low: record['low'] as number,
    swept: record['swept'] as string | undefined,
    progress: record['progress'] as number | undefined,
    progressAt: record['progressAt'] as number | undefined,
    record,
  };
}

export async function readStage(store: CheckpointStore, id: StageId): Promise<Stage | undefined> {
  const record = await store.read(stageKey(id));
  return record === undefined ? undefined : toStage(record);
}

/** Sums over a stage's tallies. */
export interface Sums {
  /** Committed chunks, and items by status. */
  done: number;
  counts: Counts;
  /** Of a later round: items that had stalled before it, and ran. */
  wasStalled: number;
  /** Tallies 0..low-1 are full, as just counted, with their summed counters for the stage record. */
  low: number;
  lowCounters: Record<string, number>;
}

/** The stage holds the sums of its full tallies, so only the open ones are read. */
export async function readSums(store: CheckpointStore, id: StageId, stage: Stage): Promise<Sums> {
  return sumsOf(id, stage, await openTallies(store, id, stage.low));
}

/**
 * Stage and sums in one round trip: both are asked for at once, the tallies from an earlier reading of the
 * stage's `low` on. It only grows, so an old one only reads more than is needed.
 */
export async function readStageAndSums(
  store: CheckpointStore,
  id: StageId,
  knownLow: number,
): Promise<{ stage: Stage; sums: Sums }> {
  const [stage, tallies] = await Promise.all([
    requireStage(store, id),
    openTallies(store, id, knownLow),
  ]);
  // Lower than remembered: the batch was purged and started anew.
  const needed = stage.low < knownLow ? await openTallies(store, id, stage.low) : tallies;
  const lowest = tallyKey(id, stage.low).sort;
  return {
    stage,
    sums: sumsOf(
      id,
      stage,
      needed.filter(({ sort }) => sort >= lowest),
    ),
  };
}

type Tallies = Awaited<ReturnType<CheckpointStore['query']>>;

/** All tallies from `low` on: there are none beyond what was released. */
const openTallies = (store: CheckpointStore, id: StageId, low: number): Promise<Tallies> =>
  store.query(id.batch, tallyKey(id, low).sort, tallyKey(id, 9_999_999).sort);

function sumsOf(id: StageId, stage: Stage, tallies: Tallies): Sums {
  const total: Record<string, number> = {};
  const lowCounters: Record<string, number> = {};
  for (const [name, value] of Object.entries(stage.record)) {
    if (name.startsWith('l.')) {
      add(total, name.slice(2), value as number);
      lowCounters[name] = value as number;
    }
  }
  let { low } = stage;
  for (const { sort, record } of tallies) {
    const full = record['n'] === CHUNKS_PER_TALLY && sort === tallyKey(id, low).sort;
    for (const [name, value] of Object.entries(record)) {
      if (!isCounter(name)) continue;
      add(total, name, value as number);
      if (full) add(lowCounters, `l.${name}`, value as number);
    }
    if (full) low += 1;
  }
  const counts = noCounts();
  for (const status of STATUSES) counts[status] = total[status] ?? 0;
  const { n: done = 0, wasStalled = 0 } = total;
  return { done, counts, wasStalled, low, lowCounters };
}

/** Marks (`m17`) and fences (`f17`) are not counters. */
const isCounter = (name: string): boolean => !/^[mf]\d+$/.test(name);

function add(sums: Record<string, number>, name: string, amount: number): void {
  sums[name] = (sums[name] ?? 0) + amount;
}

/** The stages of a job: one until pipelines join. */
export const stagesOf = (batch: Pick<Batch, 'id' | 'round'>): StageId[] => [
  { batch: batch.id, round: batch.round, stage: 0 },
];

export const requireStage = async (store: CheckpointStore, id: StageId): Promise<Stage> => {
  const stage = await readStage(store, id);
  if (stage === undefined)
    throw new Error(`Stage record missing: ${stageKey(id).sort} of ${id.batch}.`);
  return stage;
};
