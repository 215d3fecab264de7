import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterCheck, dueAt, newPoll, pollPlan, waitOf } from '../../lib/core/poll.ts';

const plan = pollPlan();
const START = 1_700_000_000_000;

/** Checks that work of so long needs, submitted and checked at once when due. */
function checksFor(workMs: number): number {
  let poll = newPoll(plan, { at: 0, name: '0.0', id: 'r', now: START });
  for (let checks = 1; ; checks += 1) {
    const now = dueAt(poll, poll.next);
    if (now - START >= workMs) return checks;
    poll = afterCheck(plan, poll, { now, seen: String(checks) });
  }
}

describe('adaptive polling', () => {
  it('asks every second for 30 s, every 3 s until 2 min, then every 5 s', () => {
    expect([0, 29_999, 30_000, 119_999, 120_000, 9e6].map((age) => waitOf(plan, age))).toEqual([
      1_000, 1_000, 3_000, 3_000, 5_000, 5_000,
    ]);
  });

  it('saves at least half of the requests of asking every second, on work of 3 to 8 minutes', () => {
    for (let seconds = 180; seconds <= 480; seconds += 1) {
      expect(checksFor(seconds * 1_000)).toBeLessThanOrEqual(seconds / 2);
    }
    expect([checksFor(180_000), checksFor(480_000)]).toEqual([72, 132]);
  });

  it('counts silence from the last change, and no more than four waits of any gap', () => {
    let poll = newPoll(plan, { at: 0, name: '0.0', id: 'r', now: START });
    poll = afterCheck(plan, poll, { now: START + 1_000, seen: '1' });
    expect(poll.silentMs).toBe(0);
    poll = afterCheck(plan, poll, { now: START + 2_000, seen: '1' });
    poll = afterCheck(plan, poll, { now: START + 3_000, seen: undefined });
    expect(poll.silentMs).toBe(2_000);
    // An hour's pause, or a clock that jumped: nobody looked.
    poll = afterCheck(plan, poll, { now: START + 3_603_000, seen: '1' });
    expect(poll.silentMs).toBe(2_000 + 4 * 5_000);
    expect(afterCheck(plan, poll, { now: START + 3_604_000, seen: '2' }).silentMs).toBe(0);
  });

  it('is due at once after a clock went back, and never waits longer than it was told to', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -7_200_000, max: 7_200_000 }),
        fc.nat(600_000),
        (jump, waitMs) => {
          const open = newPoll(plan, { at: 0, name: '0.0', id: 'r', now: START });
          const poll = afterCheck(plan, open, { now: START + 1_000, seen: 'x', waitMs });
          const now = START + 1_000 + jump;
          const due = dueAt(poll, now);
          if (jump < 0) expect(due).toBe(now);
          else expect(due - now).toBeLessThanOrEqual(Math.max(waitMs, 1_000));
        },
      ),
    );
  });

  it.each([
    [{ every: [] }, "poll's every must be a list of 1 to 10 rows."],
    [
      { every: [{ wait: '1ms' }] },
      `poll's every[0].wait must be between 100 ms and 24 h; got "1ms".`,
    ],
    [{ stallAfter: 'soon' }, `poll's stallAfter must be a duration with a unit`],
    [{ giveUpAfter: '32d' }, `poll's giveUpAfter must be between 1000 ms and 744 h; got "32d".`],
  ])('refuses %j', (options, message) => {
    expect(() => pollPlan(options)).toThrow(message);
  });
});
