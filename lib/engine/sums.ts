import { CHUNKS_PER_TALLY, type StageId, tallyKey } from '../core/keys.ts';
import { type Counts, noCounts, STATUSES } from '../core/outcome.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import { requireStage, type Stage } from './batch.ts';

/** Sums over a stage's tallies. */
export interface Sums {
  /** Committed chunks, and items by status. */
  done: number;
  counts: Counts;
  /** Of a later round: items that had stalled before it, and ran. */
  wasStalled: number;
  /** Of a later round: items that ran and that the stage before gave in it. */
  fresh: number;
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
  const { n: done = 0, wasStalled = 0, fresh = 0 } = total;
  return { done, counts, wasStalled, fresh, low, lowCounters };
}

/** Marks (`m17`) and fences (`f17`) are not counters. */
const isCounter = (name: string): boolean => !/^[mf]\d+$/.test(name);

function add(sums: Record<string, number>, name: string, amount: number): void {
  sums[name] = (sums[name] ?? 0) + amount;
}

/** Stage, then the tallies that are open by it. */
export async function lookAtStage(
  store: CheckpointStore,
  id: StageId,
): Promise<{ stage: Stage; sums: Sums }> {
  const stage = await requireStage(store, id);
  return { stage, sums: await readSums(store, id, stage) };
}
