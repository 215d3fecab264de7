import { type Figures, figuresOfAll } from '../../core/figures.ts';
import { isoTime } from '../../core/iso-time.ts';
import { hasEnded } from '../../core/transitions.ts';
import type { LiveEntry } from '../../engine/batch.ts';
import { batchState } from '../../engine/status.ts';
import {
  type BatchFacts,
  batchFacts,
  type ListRow,
  listRows,
  newestFirst,
  stateOf,
} from '../batch-facts.ts';
import type { Home } from '../home.ts';
import { type HomePlace, placeOfHome, requireBatch } from '../place.ts';
import { isEnd, isWorked } from '../runner.ts';
import type { Supervisor } from './supervisor.ts';
import type { Fault } from './wire.ts';

/** A batch as this server knows it. */
export interface ServedBatch extends BatchFacts {
  /** Batches before it, of those that wait; null = it does not wait. */
  position: number | null;
  /** Why this server left it alone, if it did. */
  fault: Fault | null;
  links: { self: string; events: string; report: string | null };
}

export interface ServerStatus extends Figures {
  /** ISO 8601, UTC. */
  at: string;
  home: string;
  /** Batches of this server that run and wait, and how many may. */
  running: number;
  waiting: number;
  limits: { running: number; waiting: number };
  /** All of the home that have not ended, also those of other processes; at most 100. */
  batches: ServedBatch[];
  /** The newest that have ended. */
  ended: ListRow[];
}

export interface Look {
  status(): Promise<ServerStatus>;
  /** Throws `NOT_FOUND`. */
  batch(id: string): Promise<ServedBatch>;
  list(limit: number): Promise<ListRow[]>;
}

export interface LookOptions {
  home: Home;
  supervisor: Supervisor;
  limits: ServerStatus['limits'];
}

/** The list grows with the years, its newest part is what changes: it is read again so often. */
const LIST_MS = 2_000;
/** Clients that ask at the same moment get one answer. */
const FRESH_MS = 500;
const MAX_OPEN = 100;
const MAX_ENDED = 10;

export function newLook({ home, supervisor, limits }: LookOptions): Look {
  const place = placeOfHome(home);
  const entries = kept(LIST_MS, home, () => newestFirst(place));
  const served = (facts: BatchFacts): ServedBatch => servedBatch(facts, supervisor);
  const status = kept(FRESH_MS, home, async (): Promise<ServerStatus> => {
    const all = await entries();
    const batches = (await openBatches(place, all)).map(served);
    const running = batches.filter((batch) => isWorked(batch.status));
    const ended = all.filter((entry) => hasEnded(entry.status)).slice(0, MAX_ENDED);
    return {
      at: isoTime(home.clock.now()),
      home: home.folder,
      running: supervisor.running.length,
      waiting: supervisor.waiting.length,
      limits,
      ...figuresOfAll(running),
      batches,
      ended: await listRows(place, ended),
    };
  });
  supervisor.onChange(entries.forget);
  supervisor.onChange(status.forget);
  return {
    status,
    async batch(id) {
      const batch = await requireBatch(place, id);
      const state = await batchState(home.store, id);
      return served(await batchFacts(place, state ?? { ...noState, batch }));
    },
    async list(limit) {
      const rows = await listRows(place, (await newestFirst(place)).slice(0, limit));
      return rows.map((row) => ({ ...row, status: statusIn(supervisor, row.id, row.status) }));
    },
  };
}

const noState = {
  totalChunks: undefined,
  plannedChunks: 0,
  releasedChunks: 0,
  doneChunks: 0,
  counts: { ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 0 },
  doneItems: 0,
  totalItems: undefined,
  open: { failed: 0, stalled: 0 },
};

async function openBatches(place: HomePlace, all: readonly LiveEntry[]): Promise<BatchFacts[]> {
  const found: BatchFacts[] = [];
  for (const { id, status } of all) {
    if (hasEnded(status) || found.length >= MAX_OPEN) continue;
    const state = await stateOf(place, id);
    if (state !== undefined && !hasEnded(state.batch.status)) {
      found.push(await batchFacts(place, state));
    }
  }
  return found;
}

function servedBatch(facts: BatchFacts, supervisor: Supervisor): ServedBatch {
  const { batch: id } = facts;
  const position = supervisor.waiting.indexOf(id);
  const self = `/api/batches/${encodeURIComponent(id)}`;
  const report = `/batches/${encodeURIComponent(id)}/report`;
  return {
    ...facts,
    status: statusIn(supervisor, id, facts.status),
    position: position < 0 ? null : position,
    fault: supervisor.faultOf(id) ?? null,
    links: { self, events: `${self}/events`, report: isEnd(facts.status) ? report : null },
  };
}

/** Nobody works it yet, but somebody will: that is not interrupted. */
function statusIn(supervisor: Supervisor, id: string, status: string): string {
  if (status !== 'interrupted') return status;
  if (supervisor.waiting.includes(id)) return 'waiting';
  return supervisor.running.includes(id) ? 'starting' : status;
}

/** The last answer for `ms`, and one look for all that ask meanwhile. */
function kept<T>(
  ms: number,
  { clock }: Home,
  look: () => Promise<T>,
): (() => Promise<T>) & { forget(): void } {
  let until = Number.NEGATIVE_INFINITY;
  let last: Promise<T> | undefined;
  const forget = (): void => {
    last = undefined;
  };
  const ask = (): Promise<T> => {
    const now = clock.monotonic();
    if (last !== undefined && now < until) return last;
    until = now + ms;
    const asked = look();
    last = asked;
    asked.catch(forget);
    return asked;
  };
  return Object.assign(ask, { forget });
}
