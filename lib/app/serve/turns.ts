/** Whose turn it is: what a server starts, and what follows when a batch comes to rest or its process dies. */
import { batchKey, liveKey } from '../../core/keys.ts';
import { queueEntry, unqueueEntry } from '../../core/runner-transitions.ts';
import { clearStop } from '../../core/transitions.ts';
import { readBatch } from '../../engine/batch.ts';
import { batchState } from '../../engine/status.ts';
import type { Home } from '../home.ts';
import { type Child, ChildDied, startChild } from './children.ts';
import type { ChildAnswer, Fault, RunHow } from './wire.ts';

interface Waiting {
  id: string;
  how: RunHow;
}

interface Running extends Waiting {
  child: Child;
  /** Deaths in a row without a chunk more, and the chunks that were done at the last one. */
  deaths: number;
  doneChunks: number;
  again?: RunHow;
}

/** A killer item needs four deaths at most to be told from its neighbours, and three more while it is named. */
const MAX_DEATHS = 20;
const DEATH_PAUSE_MS = 500;
/** Faults are told of until the batch goes on; the oldest are forgotten. */
const MAX_FAULTS = 1_000;

export interface Turns {
  home: Home;
  limits: { running: number; waiting: number };
  say(line: string): void;
  waiting: Waiting[];
  running: Map<string, Running>;
  /** Places held for batches that are being made. */
  reserved: number;
  /** Orders only grow, also when the clock was set back. */
  order: number;
  faults: Map<string, Fault>;
  listeners: (() => void)[];
  closing: boolean;
  /** Batches that this end of the server interrupted. */
  interrupted: number;
  /** All that is under way: children, and what follows their ends. */
  ends: Set<Promise<void>>;
}

export const unqueue = (home: Home, id: string): Promise<unknown> =>
  home.store.change(liveKey(id), unqueueEntry());

export const tell = ({ listeners }: Turns): void => {
  for (const listener of listeners) listener();
};

/** Durable when it resolves; false when it waits or runs already. */
export async function enqueue(
  state: Turns,
  one: Waiting,
  { atOnce = false }: { atOnce?: boolean } = {},
): Promise<boolean> {
  const { home, waiting, running } = state;
  if (running.has(one.id) || waiting.some(({ id }) => id === one.id)) return false;
  state.order = Math.max(state.order + 1, Math.floor(home.clock.now()));
  // Into the list before it is durable: two requests at once must not run one batch twice.
  if (atOnce) start(state, fresh(one));
  else waiting.push(one);
  if (one.how.currentCode === true) await clearPause(home, one.id);
  await home.store.change(liveKey(one.id), queueEntry(state.order, JSON.stringify(one.how)));
  state.faults.delete(one.id);
  pump(state);
  tell(state);
  return true;
}

const fresh = (one: Waiting): Omit<Running, 'child'> => ({ ...one, deaths: 0, doneChunks: -1 });

/** Before it waits: what waits with a pause would be one that a person paused while it waited. */
async function clearPause(home: Home, id: string): Promise<void> {
  const batch = await readBatch(home.store, id);
  if (batch?.stop !== 'pause') return;
  await home.store.change(batchKey(id), clearStop(batch.round, batch.digest));
}

/** Starts what may run. */
export function pump(state: Turns): void {
  while (!state.closing && state.running.size < state.limits.running) {
    const next = state.waiting.shift();
    if (next === undefined) return;
    start(state, fresh(next));
  }
}

function start(state: Turns, one: Omit<Running, 'child'>): void {
  const { id, how } = one;
  const child = startChild({ op: 'run', home: state.home.folder, batch: id, how });
  const running: Running = { ...one, child };
  state.running.set(id, running);
  const end: Promise<void> = child.answer
    .then(
      (answer) => rest(state, running, answer),
      (death: Error) => died(state, running, death),
    )
    .catch((error: Error) => {
      // The store itself: nothing can be kept, so nothing more is started for this batch.
      leave(state, id, { code: 'STORE', message: error.message });
    })
    .finally(() => {
      state.ends.delete(end);
      pump(state);
      tell(state);
    });
  state.ends.add(end);
}

/** A batch came to rest. One that was interrupted by this server's own end stays in the list, for the next start. */
async function rest(state: Turns, one: Running, answer: ChildAnswer): Promise<void> {
  const { home, running } = state;
  const { id, again } = one;
  if (answer.did === 'interrupted' && state.closing) {
    state.interrupted += 1;
    running.delete(id);
    return;
  }
  await unqueue(home, id);
  if (answer.did === 'fault') {
    state.say(`Batch ${id}: ${answer.fault.message}`);
    leave(state, id, answer.fault);
  } else running.delete(id);
  if (again !== undefined && answer.did === 'paused') await enqueue(state, { id, how: again });
}

function leave(state: Turns, id: string, fault: Fault): void {
  state.running.delete(id);
  state.faults.set(id, fault);
  const [oldest] = state.faults.keys();
  if (state.faults.size > MAX_FAULTS && oldest !== undefined) state.faults.delete(oldest);
}

/** An item ended its process: the same batch goes on in another one, carefully, until the item at fault fails alone. */
async function died(state: Turns, one: Running, death: Error): Promise<void> {
  const { home, running } = state;
  const { id } = one;
  if (state.closing) {
    state.interrupted += 1;
    running.delete(id);
    return;
  }
  if (!(death instanceof ChildDied))
    return leave(state, id, { code: 'INTERNAL', message: death.message });
  const doneChunks = (await batchState(home.store, id))?.doneChunks ?? 0;
  const deaths = doneChunks > one.doneChunks ? 1 : one.deaths + 1;
  if (deaths > MAX_DEATHS) {
    await unqueue(home, id);
    const message = `Batch ${id} is left alone: ${death.message}, ${MAX_DEATHS} times without progress.`;
    state.say(message);
    return leave(state, id, { code: 'STATE', message, hint: `Go on with: sluice resume ${id}` });
  }
  state.say(`Batch ${id}: ${death.message}; it goes on in another one.`);
  await home.clock.sleep(DEATH_PAUSE_MS);
  running.delete(id);
  if (!state.closing) start(state, { ...one, deaths, doneChunks });
}
