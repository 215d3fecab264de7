import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileChange, fold } from '../../../lib/adapters/aws/expressions.ts';
import { applyChange, type Change } from '../../../lib/core/change.ts';
import { claim, commit, copyHalt } from '../../../lib/core/transitions.ts';

describe('a change as the expressions of UpdateItem', () => {
  test('a commit is one condition, one SET and one ADD', () => {
    expect(compileChange(commit(17, 2, { ok: 5 }))).toEqual({
      UpdateExpression: 'SET #0 = :0 ADD #1 :1, #2 :2',
      ConditionExpression: 'attribute_not_exists(#0) AND (attribute_not_exists(#3) OR #3 = :0)',
      ExpressionAttributeNames: { '#0': 'm17', '#1': 'n', '#2': 'ok', '#3': 'f17' },
      ExpressionAttributeValues: { ':0': { N: '2' }, ':1': { N: '1' }, ':2': { N: '5' } },
    });
  });

  test('names that are reserved words or hold a dot are never in the text', () => {
    const change: Change = {
      when: [
        ['present', 'status'],
        ['<', 'end', 1],
      ],
      set: { 'l.ok': 1, name: 'x' },
      remove: ['fault'],
    };
    const { ExpressionAttributeNames: names, ...texts } = compileChange(change);
    expect(Object.values(names ?? {})).toEqual(['l.ok', 'name', 'fault', 'status', 'end']);
    for (const text of [texts.UpdateExpression, texts.ConditionExpression]) {
      expect(text).not.toMatch(/status|end|name|fault|l\.ok/);
    }
  });

  test('nothing to do and nothing to ask leaves nothing out of place', () => {
    expect(compileChange({ when: [] })).toEqual({});
    expect(compileChange({ when: [], remove: ['a'] })).toEqual({
      UpdateExpression: 'REMOVE #0',
      ExpressionAttributeNames: { '#0': 'a' },
    });
    expect(compileChange(copyHalt('none', 3)).UpdateExpression).toBe('SET #0 = :0 REMOVE #1');
  });

  test('a text and a number of the same look are two values', () => {
    const { ExpressionAttributeValues: values } = compileChange({
      when: [],
      set: { a: '1', b: 1, c: 1 },
    });
    expect(values).toEqual({ ':0': { S: '1' }, ':1': { N: '1' } });
  });

  test('a claim over a dead owner asks for one of three', () => {
    const change = claim({ owner: 'me', now: 5, lease: 9, cancelled: true, deadOwner: 'ghost' });
    expect(compileChange(change).ConditionExpression).toMatch(
      /^\(#\d < :\d OR #\d = :\d OR #\d = :\d\)$/,
    );
  });

  test('folded, an attribute has one clause, and the result is the one of applyChange (property)', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const number = fc.integer({ min: -5, max: 5 });
    const change = fc.record({
      when: fc.constant([]),
      set: fc.dictionary(name, number),
      add: fc.dictionary(name, number),
      remove: fc.array(name, { maxLength: 4 }),
    });
    fc.assert(
      fc.property(change, fc.dictionary(name, number), (one, before) => {
        const { set, add, remove } = fold(one);
        const all = [...Object.keys(set), ...Object.keys(add), ...remove];
        expect(new Set(all).size).toBe(all.length);
        expect(applyChange(before, { when: [], set, add, remove })).toEqual(
          applyChange(before, one),
        );
      }),
      { numRuns: 500 },
    );
  });
});
