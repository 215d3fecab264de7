import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  admitted,
  type Breaker,
  type BreakerPlan,
  isGivenUp,
  newBreaker,
  type Pass,
  settled,
} from '../../lib/core/breaker.ts';

const RUNS = process.env['SLUICE_FULL'] ? 20_000 : 500;

const plans: fc.Arbitrary<BreakerPlan> = fc
  .record({
    of: fc.integer({ min: 1, max: 30 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    openMs: fc.integer({ min: 10, max: 10_000 }),
    more: fc.integer({ min: 0, max: 60_000 }),
    openings: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ of, share, openMs, more, openings }) => ({
    of,
    failures: Math.max(1, Math.round(share * of)),
    openMs,
    maxOpenMs: openMs + more,
    openings,
  }));

type Move =
  | { ask: number }
  | { settle: number; result: 'good' | 'bad' | 'none'; random: number; askedMs: number };

const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    fc.record({ ask: fc.integer({ min: 0, max: 20_000 }) }),
    fc.record({
      settle: fc.nat(),
      result: fc.constantFrom('good' as const, 'bad' as const, 'bad' as const, 'none' as const),
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      askedMs: fc.constantFrom(0, 0, 100, 3_600_000),
    }),
  ),
  { maxLength: 200 },
);

/** Plays moves; `look` sees every state with what led to it. */
function play(
  plan: BreakerPlan,
  list: readonly Move[],
  look: (step: {
    before: Breaker;
    after: Breaker;
    now: number;
    move: Move;
    pass?: Pass | undefined;
  }) => void,
): { state: Breaker; now: number; out: Pass[] } {
  let state = newBreaker();
  let now = 0;
  const out: Pass[] = [];
  for (const move of list) {
    const before = state;
    if ('ask' in move) {
      now += move.ask;
      const answer = admitted(state, now);
      state = answer.state;
      if (answer.pass !== undefined) out.push(answer.pass);
      look({ before, after: state, now, move, pass: answer.pass });
    } else if (out.length > 0) {
      const [pass] = out.splice(move.settle % out.length, 1) as [Pass];
      state = settled(state, plan, { pass, now, ...move });
      look({ before, after: state, now, move, pass });
    }
  }
  return { state, now, out };
}

const check = (property: (plan: BreakerPlan, list: Move[]) => void): void =>
  fc.assert(fc.property(plans, moves, property), { numRuns: RUNS });

describe('a circuit breaker', () => {
  it('lets nothing pass before its time, and one probe after it', () =>
    check((plan, list) => {
      let probing: number | undefined;
      play(plan, list, ({ before, after, now, move, pass }) => {
        if ('ask' in move && before.mode === 'open' && now < before.until) {
          expect(pass).toBeUndefined();
        }
        if ('ask' in move && before.mode === 'half-open') expect(pass).toBeUndefined();
        if ('ask' in move && pass?.probe) {
          expect(probing).not.toBe(after.era * 1e6 + after.until);
          probing = after.era * 1e6 + after.until;
        } else if (after.mode !== 'half-open') probing = undefined;
      });
    }));

  it('opens for no longer than it may, each time for longer, whatever a host asks for', () =>
    check((plan, list) => {
      play(plan, list, ({ before, after, now, move }) => {
        if (after.openings <= before.openings || !('result' in move)) return;
        const [least, most] = [
          plan.openMs * 0.75,
          Math.max(plan.maxOpenMs, Math.min(move.askedMs, 900_000)),
        ];
        expect(after.mode).toBe('open');
        expect(after.openings).toBe(before.openings + 1);
        expect(after.until - now).toBeGreaterThanOrEqual(
          Math.max(least, Math.min(move.askedMs, 900_000)),
        );
        expect(after.until - now).toBeLessThanOrEqual(most);
      });
    }));

  it('hears nothing of calls that began before it opened or closed', () =>
    check((plan, list) => {
      play(plan, list, ({ before, after, move, pass }) => {
        if ('ask' in move || pass?.era === before.era) return;
        expect(after).toEqual(before);
      });
    }));

  it('opens only by so many bad answers of the last ones, and by a probe that fails', () =>
    check((plan, list) => {
      let heard: boolean[] = [];
      play(plan, list, ({ before, after, move, pass }) => {
        if ('ask' in move || pass?.era !== before.era) return;
        if (before.mode === 'closed' && move.result !== 'none') heard.push(move.result === 'bad');
        const bad = heard.slice(-plan.of).filter(Boolean).length;
        const opens = after.mode === 'open' && before.mode !== 'open' && move.result === 'bad';
        if (before.mode === 'closed')
          expect(opens).toBe(move.result === 'bad' && bad >= plan.failures);
        if (before.mode === 'half-open') expect(opens).toBe(move.result === 'bad');
        if (after.era !== before.era) heard = [];
      });
    }));

  it('always closes again when its host is well: once all calls are back, one probe is enough', () =>
    check((plan, list) => {
      const { state, now, out } = play(plan, list, () => undefined);
      let next = state;
      for (const pass of out) next = settled(next, plan, { pass, result: 'none', now, random: 0 });
      const { state: asked, pass } = admitted(next, Math.max(now, next.until));
      expect(pass).toBeDefined();
      const well = settled(asked, plan, { pass: pass as Pass, result: 'good', now, random: 0 });
      expect(well.mode).toBe('closed');
      expect(isGivenUp(well, plan)).toBe(false);
    }));

  it('gives a host up after so many openings without a good answer', () =>
    fc.assert(
      fc.property(plans, (plan) => {
        let state = newBreaker();
        let [now, calls] = [0, 0];
        while (!isGivenUp(state, plan)) {
          const { state: asked, pass } = admitted(state, now);
          if (pass === undefined) now = state.until;
          else calls += 1;
          state =
            pass === undefined
              ? state
              : settled(asked, plan, { pass, result: 'bad', now, random: 0.5 });
        }
        expect(state.openings).toBe(plan.openings + 1);
        expect(calls).toBe(plan.failures + plan.openings);
      }),
      { numRuns: RUNS },
    ));
});
