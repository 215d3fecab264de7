import { type Amounts, type Figures, figuresOf, type RunnerNote } from '../core/figures.ts';
import { isoTime } from '../core/iso-time.ts';
import { type LiveEntry, listBatches } from '../engine/batch.ts';
import { type BatchState, batchState, type StageState } from '../engine/status.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import type { Place } from './place.ts';
import { hasRunner, runnerOf, standing } from './runner.ts';
import { withNoted } from './underway.ts';

/** A home or a stack, as far as one only looks. */
export type LookPlace = Place & { kind: 'home' | 'stack' };

/** What `status`, `watch` and `serve` tell of a batch. */
export interface BatchFacts extends Figures {
  batch: string;
  job: string;
  status: string;
  reason?: string;
  round: number;
  /** Failed and stalled items of the whole batch, as its rounds so far left them. */
  open: BatchState['open'];
  startedAt: string;
  input: string;
  doneItems: number;
  totalItems: number | null;
  doneChunks: number;
  totalChunks: number | null;
  counts: BatchState['counts'];
  /** Of a job of several stages: each one; the figures beside it are their sums. */
  stages?: StageState[];
  /** Items per second since the round began; null unless it runs. */
  rate: number | null;
}

export async function batchFacts(place: LookPlace, tallied: BatchState): Promise<BatchFacts> {
  const { alive, note } = await lookAtRunner(place, tallied);
  const state = withNoted(tallied, note);
  const { batch, doneItems, totalItems } = state;
  const status = standing(batch, alive);
  const running = status === 'running' && doneItems > 0;
  const now = place.clock.now();
  const rate = running ? (doneItems * 1000) / Math.max(1, now - batch.roundAt) : undefined;
  return {
    batch: batch.id,
    job: batch.job,
    status,
    ...(batch.reason === undefined ? {} : { reason: batch.reason }),
    round: batch.round,
    open: state.open,
    startedAt: isoTime(batch.startedAt),
    input: batch.input.name,
    doneItems,
    totalItems: totalItems ?? null,
    doneChunks: state.doneChunks,
    totalChunks: state.totalChunks ?? null,
    counts: state.counts,
    ...(state.stages === undefined ? {} : { stages: state.stages }),
    rate: rate === undefined ? null : Math.round(rate * 1000) / 1000,
    ...figuresOf(amountsOf(state), status === 'running' ? note : undefined, rate),
  };
}

/** Whether somebody works on it; of a home also what the process noted last. */
export async function lookAtRunner(
  place: LookPlace,
  { batch }: BatchState,
): Promise<{ alive: boolean; note?: RunnerNote }> {
  if (place.kind === 'home') return runnerOf(place, batch.id);
  return { alive: await hasRunner(place, batch) };
}

const amountsOf = (state: BatchState): Amounts => ({
  ...state,
  itemMs: state.batch.settings.quota?.itemMs,
});

/** Newest first; an id breaks ties, so that the order never depends on the store. */
export const newestFirst = async ({ store }: Pick<Place, 'store'>): Promise<LiveEntry[]> =>
  (await listBatches(store)).sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? -1 : 1));

/** One line of a list of batches. */
export interface ListRow {
  id: string;
  job: string;
  status: string;
  startedAt: string;
  input: string;
  doneItems: number;
  totalItems: number | null;
  failed: number;
  round: number;
}

/** States that are asked for at once: three requests each in a stack. */
const STATES_AT_ONCE = 8;

export async function listRows(
  place: LookPlace,
  entries: readonly LiveEntry[],
): Promise<ListRow[]> {
  const rows: ListRow[] = [];
  for await (const row of mapOrdered(entries, STATES_AT_ONCE, (entry) => listRow(place, entry))) {
    rows.push(row);
  }
  return rows;
}

async function listRow(
  place: LookPlace,
  { id, job, input, startedAt, status }: LiveEntry,
): Promise<ListRow> {
  const tallied = await stateOf(place, id);
  const { alive, note } = tallied ? await lookAtRunner(place, tallied) : { alive: false };
  const state = tallied && withNoted(tallied, note);
  return {
    id,
    job,
    status: state === undefined ? status : standing(state.batch, alive),
    startedAt: isoTime(startedAt),
    input,
    doneItems: state?.doneItems ?? 0,
    totalItems: state?.totalItems ?? null,
    failed: state?.open.failed ?? 0,
    round: state?.batch.round ?? 0,
  };
}

/** A batch whose records are damaged, newer or half purged is listed all the same; a store that is gone is not. */
export async function stateOf({ store }: Place, id: string): Promise<BatchState | undefined> {
  try {
    return await batchState(store, id);
  } catch (error) {
    if ((error as { code?: string }).code === 'STORE') throw error;
    return undefined;
  }
}
