import { createHash } from 'node:crypto';
import { SluiceError } from '../core/errors.ts';
import { reportKey } from '../core/keys.ts';
import type { Report } from '../core/report.ts';
import type { RetryFilter, RoundChoice } from '../core/retry.ts';
import { firstGroups } from '../core/stage-settings.ts';
import { hasEnded } from '../core/transitions.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Batch } from './batch.ts';
import type { FailureLine } from './merge-round.ts';
import { originChunks } from './origin-chunks.ts';
import { newRetryList } from './retry-list.ts';
import { roundReport } from './round-report.ts';
import { storedLines } from './stored-lines.ts';

/** Failures that a retry does not take: of another code, key or stage, stalled, or beyond the first so many. */
export interface Left {
  code: number;
  key: number;
  stage: number;
  stalled: number;
  first: number;
}

/** What a retry would run, and why it leaves the rest. */
export interface RetryPlan {
  /** The round that it would start. */
  round: number;
  eligible: number;
  left: Left;
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
  const { id, round } = batch;
  if (!hasEnded(batch.status)) {
    throw new SluiceError('STATE', `Batch ${id} still runs; a retry is for one that has ended.`, {
      hint: `Wait for it: sluice watch ${id}. Or end it: sluice cancel ${id}`,
    });
  }
  const wanted = stageWanted(batch, filter);
  const report = await roundReport(objects, id, round);
  const list = newRetryList(await originChunks(store, batch));
  const choose = newChooser(filter, wanted);
  const whole = firstGroups(batch.settings);
  const sums = { failed: 0, stalled: 0 };
  let unasked = 0;
  for await (const text of storedLines(objects, reportKey(id, round, 'failures.jsonl'))) {
    const failure = JSON.parse(text) as FailureLine;
    const grouped = (failure.stage ?? 0) >= whole;
    if (grouped && failure.status === 'stalled' && filter.stalled !== true) unasked += 1;
    if (!choose.takes(failure)) continue;
    sums[failure.status] += 1;
    if (grouped) continue;
    // Stalled work may still go on: it is asked for. Failed work is submitted anew.
    const stalled = failure.status === 'stalled';
    await list.add(failure, stalled ? { remotes: failure.remotes } : undefined);
  }
  if (unasked > 0 && sums.failed > 0) throw stalledGroups(batch, unasked);
  const { bytes, stages } = list.end();
  const { codes, keys, first, stage } = filter;
  const choice: RoundChoice = {
    ...(codes === undefined ? {} : { codes }),
    ...(keys === undefined ? {} : { keys: keys.length }),
    ...(first === undefined ? {} : { first }),
    ...(stage === undefined ? {} : { stage }),
    ...sums,
    before: { failed: report.failed, stalled: report.stalled },
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    ...(stages === undefined ? {} : { stages }),
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

/** Nothing that a remote may still work on is sent again unasked. */
function stalledGroups({ id, settings }: Batch, items: number): SluiceError {
  const name = settings.stages?.[firstGroups(settings)]?.name;
  return new SluiceError(
    'STATE',
    `Batch ${id} has ${items} stalled ${items === 1 ? 'item' : 'items'} from its groupBy '${name}' on, and a retry works all of those stages anew.`,
    {
      hint: `The remote may still work on them. Look first: sluice items ${id} --status stalled. Then retry with --stalled.`,
    },
  );
}

/** Number of the stage that is asked for. */
function stageWanted({ id, settings }: Batch, { stage: name }: RetryFilter): number | undefined {
  if (name === undefined) return undefined;
  const names = settings.stages?.map((stage) => stage.name) ?? [];
  if (names.includes(name)) return names.indexOf(name);
  throw new SluiceError('NOT_FOUND', `Batch ${id} has no stage '${name}'.`, {
    hint:
      names.length === 0
        ? 'Its job has no stages: leave it out.'
        : `Its stages: ${names.join(', ')}.`,
  });
}

function newChooser({ codes, keys, first, stalled }: RetryFilter, wanted: number | undefined) {
  const left: Left = { code: 0, key: 0, stage: 0, stalled: 0, first: 0 };
  const seen = new Map<string, number>();
  const wantedCodes = codes && new Set(codes);
  const wantedKeys = keys && new Set(keys);
  const missing = new Set(keys);
  let taken = 0;
  const reason = ({ key, stage = 0, status, error }: FailureLine): keyof Left | undefined => {
    if (wanted !== undefined && stage !== wanted) return 'stage';
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
