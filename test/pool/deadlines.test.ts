import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import { type Deadline, newDeadlines } from '../../lib/pool/deadlines.ts';

const deadline = (due: number, late: () => void): Deadline => ({
  ...{ due, late },
  ...{ before: undefined, behind: undefined, open: false },
});

describe('deadlines under one timer', () => {
  it('come at their very moments, those that are dropped never, and no timer is left', async () => {
    // At the same moment either may come first.
    const dropAfterMs = fc.nat({ max: 150 }).filter((ms) => ms !== 100);
    const step = fc.record({ waitMs: fc.nat({ max: 40 }), dropAfterMs });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const clock = memoryClock();
        let timers = 0;
        const after = (ms: number, call: () => void): (() => void) => {
          timers += 1;
          const cancel = clock.after(ms, () => {
            timers -= 1;
            call();
          });
          return () => {
            timers -= 1;
            cancel();
          };
        };
        const all = newDeadlines({ monotonic: clock.monotonic, after });
        const came: number[] = [];
        const wanted: number[] = [];
        for (const step of steps) {
          await clock.advance(step.waitMs);
          const due = clock.monotonic() + 100;
          const one = deadline(due, () => came.push(clock.monotonic()));
          all.add(one);
          expect(timers).toBe(1);
          clock.after(step.dropAfterMs, () => all.drop(one));
          if (step.dropAfterMs > 100) wanted.push(due);
        }
        await clock.advance(1000);
        expect(came).toEqual(wanted);
        expect(timers).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('that end others, or add some, leave the rest in place', async () => {
    const clock = memoryClock();
    const all = newDeadlines(clock);
    const due = clock.monotonic() + 50;
    const came: string[] = [];
    const second = deadline(due, () => came.push('ended by the first'));
    const next = deadline(due + 20, () => came.push('next'));
    const last = deadline(due + 30, () => came.push('last'));
    for (const one of [
      deadline(due, () => all.drop(second)),
      second,
      deadline(due, () => all.add(last)),
      next,
    ]) {
      all.add(one);
    }
    await clock.advance(1000);
    all.drop(next);
    expect(came).toEqual(['next', 'last']);
  });
});
