import { describe, expect, it } from 'vitest';
import { newUnderway, withNoted } from '../../lib/app/underway.ts';
import type { RunnerNote } from '../../lib/core/figures.ts';
import { type Counts, itemsOf, noCounts } from '../../lib/core/outcome.ts';
import type { Attempt } from '../../lib/engine/engine.ts';
import type { BatchState } from '../../lib/engine/status.ts';

const counts = (ok: number, failed = 0): Counts => ({ ...noCounts(), ok, failed });
const state = (of: Counts): BatchState =>
  ({ counts: of, doneItems: itemsOf(of), totalItems: 100 }) as BatchState;

/** An attempt at 10 items of which `ok` have ended. */
function attemptOf() {
  const rows = { ok: 0 };
  const attempt: Attempt = {
    work: async (until) => {
      rows.ok = until;
      return { cursor: until, count: 10, state: 'go' };
    },
    fail: async () => undefined,
    notRun: async () => undefined,
    ended: () => counts(rows.ok),
    write: () => Promise.reject(new Error('not asked for')),
    close: () => undefined,
  };
  return { rows, attempt };
}
const id = (chunk: number, stage = 0) => ({
  id: { batch: 'b', round: 0, stage, chunk },
});

describe('what ended in chunks that are not committed', () => {
  it('is added to the tallies, chunk by chunk, until the chunk is worked', async () => {
    const underway = newUnderway();
    const [a, b] = [attemptOf(), attemptOf()];
    const [first, second] = [a, b].map(({ attempt }, at) => underway.watch(attempt, id(at)));
    a.rows.ok = 3;
    b.rows.ok = 4;
    expect(underway.seen(state(counts(20, 1)))).toMatchObject({
      ...{ doneItems: 28, totalItems: 100, counts: counts(27, 1) },
    });
    await first?.work(10);
    // Its commit is on its way: meanwhile nothing goes back.
    expect(underway.seen(state(counts(20, 1))).doneItems).toBe(28);
    expect(underway.seen(state(counts(30, 1))).doneItems).toBe(35);
    await second?.notRun();
    expect(underway.seen(state(counts(40, 1))).doneItems).toBe(41);
  });

  it('stays with a chunk that is handed back, until somebody has it again', async () => {
    const underway = newUnderway();
    const one = attemptOf();
    const watched = underway.watch(one.attempt, id(7, 1));
    await watched.work(6);
    watched.close();
    one.rows.ok = 0;
    expect(underway.seen(state(counts(0))).doneItems).toBe(6);
    const next = attemptOf();
    next.rows.ok = 8;
    const again = underway.watch(next.attempt, id(7, 1));
    watched.close();
    expect(underway.seen(state(counts(0))).doneItems).toBe(8);
    await again.work(10);
    again.close();
    expect(underway.seen(state(counts(10))).doneItems).toBe(10);
  });

  it('is not asked of attempts in threads', () => {
    const { ended: _, ...attempt } = attemptOf().attempt;
    expect(newUnderway().watch(attempt, id(0))).toBe(attempt);
  });

  it('comes to others by the note of who runs the batch, where that is ahead', () => {
    const note = { counts: counts(9, 1) } as RunnerNote;
    expect(withNoted(state(counts(4)), note)).toMatchObject({
      doneItems: 10,
      counts: counts(9, 1),
    });
    for (const one of [undefined, {} as RunnerNote, note]) {
      expect(withNoted(state(counts(10)), one)).toEqual(state(counts(10)));
    }
  });
});
