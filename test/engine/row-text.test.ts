import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../lib/adapters/local/clock.ts';
import { ItemContext, type SharedContext } from '../../lib/engine/item-context.ts';
import type { Ended } from '../../lib/engine/item-end.ts';
import { toRow } from '../../lib/engine/row-text.ts';

const shared = {
  job: 'text',
  now: 0,
  options: {},
  secrets: {},
  clock: systemClock(),
} satisfies SharedContext & { secrets: object };

const lineOf = (index: number, key: string | null, ended: Ended): string => {
  const taken = { position: 0, index, row: {}, raw: '', error: undefined };
  const context = new ItemContext(shared, index, '');
  return toRow({ taken, context, finished: { key, ended }, times: { at: 0, endedAt: 1 } }).outcome;
};

/** Short and long, with all that JSON escapes: quotes, controls, DEL, lone surrogates. */
const keys = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.string({ unit: 'grapheme-ascii', minLength: 60, maxLength: 70 }),
  fc.string({ unit: fc.constantFrom('a', '"', '\\', '\u001f', '\u007f', '\ud800', 'é', '\u2028') }),
);

describe('the line of an outcome is what stringify makes of the whole', () => {
  test('for any key and value', () => {
    fc.assert(
      fc.property(fc.nat(), fc.option(keys), fc.jsonValue(), (index, key, value) => {
        const whole = { index, key, status: 'ok', value };
        expect(lineOf(index, key, { status: 'ok', value })).toBe(`${JSON.stringify(whole)}\n`);
      }),
      { numRuns: 2000 },
    );
  });

  test('for a value that is none, a skipped item and a failed one', () => {
    const error = { kind: 'permanent', code: 'NO', message: 'a "quoted" reason' } as const;
    expect(lineOf(1, 'k', { status: 'ok', value: undefined })).toBe(
      '{"index":1,"key":"k","status":"ok"}\n',
    );
    expect(lineOf(2, 'k', { status: 'skipped', reason: 'why "so"' })).toBe(
      `${JSON.stringify({ index: 2, key: 'k', status: 'skipped', reason: 'why "so"' })}\n`,
    );
    expect(lineOf(3, null, { status: 'failed', error, thrown: undefined })).toBe(
      `${JSON.stringify({ index: 3, key: null, status: 'failed', error })}\n`,
    );
  });
});
