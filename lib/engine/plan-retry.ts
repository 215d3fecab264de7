import { createHash } from 'node:crypto';
import type { StoredRecord } from '../core/change.ts';
import { SluiceError } from '../core/errors.ts';
import { chunkKey, reportKey } from '../core/keys.ts';
import type { Remotes } from '../core/poll.ts';
import type { Report } from '../core/report.ts';
import type { RetryFilter, RetryLine, RoundChoice } from '../core/retry.ts';
import { hasEnded } from '../core/transitions.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Batch } from './batch.ts';
import type { FailureLine } from './merge-round.ts';
import { roundReport } from './round-report.ts';
import { storedLines } from './stored-lines.ts';

/** What a retry would run, and why it leaves the rest. */
export interface RetryPlan {
  /** The round that it would start. */
  round: number;
  eligible: number;
  /** Failures that are not taken: of another code or key, stalled, or beyond the first so many. */
  left: { code: number; key: number; stalled: number; first: number };
  /** The batch before it. */
  report: Report;
  /** What is failed or stalled, by code. */
  codes: ReadonlyMap<string, number>;
  /** Of the keys that were asked for, those that no failure has. */
  unknownKeys: readonly string[];
  choice: RoundChoice;
  /** The round's list. */
  list: Buffer;
}

/** Codes that are told apart, beside those that are asked for. */
const MAX_CODES = 1_000;

/**
 * Chooses what the next round runs. Reads the newest failures.jsonl and the chunk records of round 0: what
 * failed, not the batch. Throws `STATE` while the batch has not ended.
 */
export async function planRetry(
  { store, objects }: { store: CheckpointStore; objects: ObjectStore },
  batch: Batch,
  filter: RetryFilter,
): Promise<RetryPlan> {
  const { id, round, settings } = batch;
  if (!hasEnded(batch.status)) {
    throw new SluiceError('STATE', `Batch ${id} still runs; a retry is for one that has ended.`, {
      hint: `Wait for it: sluice watch ${id}. Or end it: sluice cancel ${id}`,
    });
  }
  if (settings.stages !== undefined) {
    throw new SluiceError(
      'STATE',
      `Batch ${id} has ${settings.stages.length} stages; a retry is for batches of one stage.`,
      { hint: 'Run the job once more over the same input: sluice run ... --again' },
    );
  }
  const report = await roundReport(objects, id, round);
  const list = newRetryList(originChunks(store, id));
  const choose = newChooser(filter);
  const sums = { failed: 0, stalled: 0 };
  for await (const text of storedLines(objects, reportKey(id, round, 'failures.jsonl'))) {
    const failure = JSON.parse(text) as FailureLine;
    if (!choose.takes(failure)) continue;
    sums[failure.status] += 1;
    // Stalled work may still go on: it is asked for. Failed work is submitted anew.
    const stalled = failure.status === 'stalled';
    await list.add(failure.index, stalled ? { remotes: failure.remotes } : undefined);
  }
  const bytes = list.bytes();
  const { codes, keys, first } = filter;
  const choice: RoundChoice = {
    ...(codes === undefined ? {} : { codes }),
    ...(keys === undefined ? {} : { keys: keys.length }),
    ...(first === undefined ? {} : { first }),
    ...sums,
    before: { failed: report.failed, stalled: report.stalled },
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  };
  return {
    round: round + 1,
    eligible: sums.failed + sums.stalled,
    left: choose.left,
    report,
    codes: choose.codes,
    unknownKeys: choose.unknownKeys(),
    choice,
    list: bytes,
  };
}

function newChooser({ codes, keys, first, stalled }: RetryFilter) {
  const left = { code: 0, key: 0, stalled: 0, first: 0 };
  const seen = new Map<string, number>();
  const wantedCodes = codes && new Set(codes);
  const wantedKeys = keys && new Set(keys);
  const missing = new Set(keys);
  let taken = 0;
  const reason = ({ key, status, error }: FailureLine): keyof typeof left | undefined => {
    if (wantedCodes !== undefined && !wantedCodes.has(error.code)) return 'code';
    if (wantedKeys !== undefined && !wantedKeys.has(key ?? '')) return 'key';
    if (status === 'stalled' && stalled !== true) return 'stalled';
    return first !== undefined && taken >= first ? 'first' : undefined;
  };
  return {
    left,
    codes: seen,
    unknownKeys: () => [...missing],
    takes(failure: FailureLine): boolean {
      const { code } = failure.error;
      const known = seen.get(code);
      const told = known !== undefined || seen.size < MAX_CODES || wantedCodes?.has(code);
      if (told) seen.set(code, (known ?? 0) + 1);
      if (failure.key !== null) missing.delete(failure.key);
      const why = reason(failure);
      if (why === undefined) taken += 1;
      else left[why] += 1;
      return why === undefined;
    },
  };
}

/** A chunk of round 0, without what is taken of it. */
type Origin = Omit<RetryLine, 'items' | 'stalled' | 'remotes'>;
type OpenLine = Origin & {
  items: number[];
  stalled?: number[];
  remotes?: Record<number, Remotes>;
};

/** The list of a round, made of ascending indexes and the chunks of round 0, side by side. */
function newRetryList(chunks: AsyncGenerator<Origin>) {
  const lines: string[] = [];
  let open: OpenLine | undefined;
  const close = (): void => {
    if (open !== undefined && open.items.length > 0) lines.push(`${JSON.stringify(open)}\n`);
  };
  return {
    async add(index: number, stalled?: { remotes: Remotes | undefined }): Promise<void> {
      while (open === undefined || index >= open.first + open.count) {
        close();
        const next = await chunks.next();
        if (next.done) throw new SluiceError('DAMAGED', `No chunk holds the item ${index}.`);
        open = { ...next.value, items: [] };
      }
      const place = index - open.first;
      open.items.push(place);
      if (stalled === undefined) return;
      open.stalled ??= [];
      open.stalled.push(place);
      const { remotes } = stalled;
      if (remotes !== undefined) open.remotes = { ...open.remotes, [place]: remotes };
    },
    bytes(): Buffer {
      close();
      return Buffer.from(lines.join(''));
    },
  };
}

/** Chunk records asked for at once: about 200 KB. */
const WINDOW = 1_000;

/** Where the chunks of round 0 lie in the input, in order; asked for as far as they are needed. */
async function* originChunks(store: CheckpointStore, batch: string): AsyncGenerator<Origin> {
  const id = { batch, round: 0, stage: 0 };
  for (let chunk = 0; ; chunk += WINDOW) {
    const [from, to] = [chunkKey({ ...id, chunk }), chunkKey({ ...id, chunk: chunk + WINDOW - 1 })];
    const found = await store.query(batch, from.sort, to.sort);
    for (const { record } of found) yield rangeIn(record);
    if (found.length < WINDOW) return;
  }
}

function rangeIn(record: StoredRecord): Origin {
  const { source, start, end, first, count, line, last } = record as Record<string, number>;
  return {
    ...({ source, start, end, first, count } as Origin),
    ...(line === undefined ? {} : { line }),
    ...(last === undefined ? {} : { last }),
  };
}
