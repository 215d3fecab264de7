import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChange, holds, type Value } from '../../lib/core/change.ts';
import { newStage } from '../../lib/core/transitions.ts';

const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom('', '1', 'a', 'b'));

describe('a clause', () => {
  it('compares values of one kind as the language does, and never two kinds or nothing (property)', () => {
    const asked: Record<'=' | '<' | '<=', (a: Value, b: Value) => boolean> = {
      '=': (a, b) => a === b,
      '<': (a, b) => a < b,
      '<=': (a, b) => a <= b,
    };
    fc.assert(
      fc.property(fc.constantFrom('=', '<', '<='), value, value, (operator, there, bound) => {
        const same = typeof there === typeof bound;
        expect(holds({ x: there }, [operator, 'x', bound])).toBe(
          same && asked[operator](there, bound),
        );
        expect(holds({ y: there }, [operator, 'x', bound])).toBe(false);
        expect(holds(undefined, [operator, 'x', bound])).toBe(false);
      }),
    );
  });

  it('tells a value from its absence, also 0 and an empty text', () => {
    for (const there of [0, '', 1, 'x']) {
      expect(holds({ x: there }, ['present', 'x'])).toBe(true);
      expect(holds({ x: there }, ['absent', 'x'])).toBe(false);
    }
    for (const record of [undefined, {}, { y: 1 }]) {
      expect(holds(record, ['present', 'x'])).toBe(false);
      expect(holds(record, ['absent', 'x'])).toBe(true);
    }
  });

  it('of several holds when one does', () => {
    const any = (...names: string[]) =>
      ['any', ...names.map((name) => ['present', name] as const)] as const;
    expect(holds({ b: 1 }, any('a', 'b'))).toBe(true);
    expect(holds({ b: 1 }, any('a', 'c'))).toBe(false);
    expect(holds({ b: 1 }, any())).toBe(false);
  });
});

it('a change sets, adds to what is there or to 0, then removes; and leaves the record as it was', () => {
  const record = Object.freeze({ a: 1, b: 2, c: 'x' });
  const change = { when: [], set: { a: 7, d: 'new' }, add: { b: 3, e: -1 }, remove: ['c', 'f'] };
  expect(applyChange(record, change)).toEqual({ a: 7, b: 5, d: 'new', e: -1 });
  expect(record).toEqual({ a: 1, b: 2, c: 'x' });
  expect(applyChange(undefined, { when: [], set: { a: 1 } })).toEqual({ a: 1 });
  expect(
    applyChange(record, {
      when: [
        ['absent', 'z'],
        ['=', 'a', 2],
      ],
      set: { a: 9 },
    }),
  ).toBe(undefined);
});

it('a new stage is where no reader has begun', () => {
  expect(newStage()).toEqual({ cur: '', planned: 0, rel: 0, haltVer: 0, low: 0 });
});
