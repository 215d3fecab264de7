import { RECORD_VERSION, type StoredRecord } from '../core/change.ts';
import { SluiceError } from '../core/errors.ts';
import { batchKey, LIVE, type StageId, stageKey } from '../core/keys.ts';
import type { Settings } from '../core/options.ts';
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
  /** Failed and stalled items, where tallies cannot tell: after a later round of several stages that was cut short. */
  open: { failed: number; stalled: number } | undefined;
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
    open:
      record['open'] === undefined
        ? undefined
        : (JSON.parse(record['open'] as string) as Batch['open']),
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
  /** How many stages the round has; absent = one. */
  stages: number | undefined;
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
    stages: record['stages'] as number | undefined,
    progress: record['progress'] as number | undefined,
    progressAt: record['progressAt'] as number | undefined,
    record,
  };
}

export async function readStage(store: CheckpointStore, id: StageId): Promise<Stage | undefined> {
  const record = await store.read(stageKey(id));
  return record === undefined ? undefined : toStage(record);
}

/** The stages of one round of a batch, first to last. */
export const stagesOf = (batch: Pick<Batch, 'id' | 'round' | 'settings'>): StageId[] => {
  const length = batch.settings.stages?.length ?? 1;
  return Array.from({ length }, (_, stage) => ({ batch: batch.id, round: batch.round, stage }));
};

export const requireStage = async (store: CheckpointStore, id: StageId): Promise<Stage> => {
  const stage = await readStage(store, id);
  if (stage === undefined)
    throw new Error(`Stage record missing: ${stageKey(id).sort} of ${id.batch}.`);
  return stage;
};
