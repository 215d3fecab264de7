import type { StoredRecord } from '../core/change.ts';
import { isBroken } from '../core/errors.ts';
import { type StageId, stageKey } from '../core/keys.ts';
import type { Cut } from '../core/records.ts';
import { advancePlan, noteSeen, seal } from '../core/transitions.ts';
import type { Input } from '../ports/input.ts';
import { type Batch, requireStage, type Stage } from './batch.ts';
import type { Engine } from './engine.ts';
import { GROUP, putChunks } from './put-chunks.ts';
import { sendStep } from './send.ts';
import { settle } from './settle.ts';
import { stopBatch } from './stop-batch.ts';

/** A planner in a function stops with this much left, and only after it planned something. */
const MIN_REMAINING_MS = 15_000;

/**
 * PROTOCOL plan: cuts the input from the stage's cursor on, and seals the stage at its end. Two
 * planners may run: borders are pure in the pinned input and the frozen settings.
 */
export async function planChunks(engine: Engine, batch: Batch): Promise<void> {
  const id: StageId = { batch: batch.id, round: batch.round, stage: 0 };
  try {
    for (;;) {
      const stage = await requireStage(engine.store, id);
      if (stage.sealed !== undefined || stage.halt !== undefined) break;
      if (!(await planFrom(engine, batch, { id, stage }))) return;
    }
    await settle(engine, id);
  } catch (error) {
    if (!isBroken(error)) throw error;
    await stopBatch(engine, batch.id, { stop: 'broken', reason: error.message });
  }
}

/** Plans from a cursor on; returns whether the caller should look again (false: this planner stops). */
async function planFrom(
  engine: Engine,
  batch: Batch,
  { id, stage }: { id: StageId; stage: Stage },
): Promise<boolean> {
  const input = await engine.inputOf(batch);
  const problem = await whilePreparing(engine, id, () => input.prepare());
  if (problem !== undefined) {
    await stopBatch(engine, batch.id, { stop: 'broken', reason: problem });
    return true;
  }
  const cut = (): Promise<boolean> => cutFrom(engine, input, { id, stage });
  return input.discovers === true ? whilePreparing(engine, id, cut) : cut();
}

async function cutFrom(
  engine: Engine,
  input: Input,
  { id, stage }: { id: StageId; stage: Stage },
): Promise<boolean> {
  let { cur, planned } = stage;
  const anyBorder = input.discovers === true;
  for await (const group of groups(input.cuts(cur), anyBorder ? 1 : GROUP)) {
    const to = await putChunks(engine, id, { group, planned, anyBorder });
    const change = advancePlan(cur, to, planned + group.length);
    const answer = await engine.store.change(stageKey(id), change);
    // Refused: another planner is ahead or a cancel came. Either way the record says where to go on.
    if (!answer.applied || to !== group.at(-1)?.cursor) return true;
    cur = to;
    planned += group.length;
    await settle(engine, id);
    // Sent, or a long input would be planned for one budget, and wait for two sweeps before the next.
    if (engine.draining() || engine.remainingMs() < MIN_REMAINING_MS) {
      await sendStep(engine, 'plan', id);
      return false;
    }
  }
  const fault = input.fault();
  const facts: StoredRecord = {
    inputDigest: await input.digest(cur),
    ...(fault === undefined ? {} : { fault }),
  };
  await engine.store.change(stageKey(id), seal(cur, planned, facts));
  return true;
}

/** Less than the minute between two sweeps, of which the second would send this planning again. */
const STILL_PREPARING_MS = 25_000;

/** Tells the sweep that a planner is at work, for as long as a large source is streamed into the store, or folders are walked. */
async function whilePreparing<T>(engine: Engine, id: StageId, act: () => Promise<T>): Promise<T> {
  let cancel = (): void => undefined;
  const tell = (): void => {
    const told = engine.store.change(stageKey(id), noteSeen({ swept: 'preparing' }));
    told.catch((error: unknown) =>
      engine.log.warn('cannot tell the sweep', { error: String(error) }),
    );
    cancel = engine.clock.after(STILL_PREPARING_MS, tell);
  };
  cancel = engine.clock.after(STILL_PREPARING_MS, tell);
  try {
    return await act();
  } finally {
    cancel();
  }
}

/** The first cut alone, so that work starts at once; then groups. */
async function* groups(cuts: AsyncIterable<Cut>, most: number): AsyncIterable<Cut[]> {
  let group: Cut[] = [];
  let size = 1;
  for await (const cut of cuts) {
    group.push(cut);
    if (group.length < size) continue;
    yield group;
    group = [];
    size = most;
  }
  if (group.length > 0) yield group;
}
