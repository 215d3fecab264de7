import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommission } from '../../../lib/jobs/odds/commission.ts';
import { oddsOptions } from '../../../lib/jobs/odds/options.ts';
import { DEFAULTS } from '../../../lib/jobs/odds/price.ts';

const check = (options: Record<string, unknown>) => {
  const result = oddsOptions['~standard'].validate(options);
  if (result instanceof Promise) throw new Error('the schema must answer at once');
  return result;
};
const complaints = (options: Record<string, unknown>): string =>
  (check(options).issues ?? []).map((issue) => issue.message).join('\n');

describe('commission', () => {
  it.each([
    ['2%', 200],
    ['0.02', 200],
    ['5.0%', 500],
    ['2.25%', 225],
    ['0.0225', 225],
    [' 5 % ', 500],
    ['0', 0],
    ['0%', 0],
    ['99.99%', 9999],
    ['0.020000', 200],
  ])('%j is one rate for every book', (text, rate) => {
    const commissions = parseCommission(text);
    expect(commissions('B365')).toBe(rate);
    expect(commissions('BFE')).toBe(rate);
  });

  it('is the same in percent and as a fraction', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9999 }), (rate) => {
        expect(parseCommission(`${rate / 100}%`)('BF')).toBe(rate);
        expect(parseCommission((rate / 10_000).toFixed(4))('BF')).toBe(rate);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes a list, which changes only what it names', () => {
    const commissions = parseCommission('BF=5%, PS=0.02,default=1%');
    expect(commissions('BF')).toBe(500);
    expect(commissions('PS')).toBe(200);
    expect(commissions('B365')).toBe(100);
    expect(commissions('BFE'), 'keeps its own default').toBe(500);
    expect(parseCommission('BFE=2%')('BFE')).toBe(200);
    expect(parseCommission('BFE=2%')('B365')).toBe(0);
  });

  it('is 5 % for Betfair Exchange and 0 for all others by default', () => {
    const commissions = parseCommission(DEFAULTS.commission);
    expect([commissions('BFE'), commissions('BF'), commissions('Max')]).toEqual([500, 0, 0]);
  });

  it.each([
    ['5', 'write 5%'],
    ['1', 'write 1%'],
    ['1.5', 'must be below 1'],
    ['100%', 'must be below 100%'],
    ['2.345%', 'has 3 decimals; at most 2'],
    ['0.02345', 'has 5 decimals; at most 4'],
    ['-2%', 'is no rate'],
    ['', 'is no rate'],
    ['two', 'is no rate'],
    ['BF=5', '"BF=5" must be below 1: for 5 percent write 5%'],
    ['XX=5%', 'names "XX", which is none of: B365, '],
    ['toString=5%', 'names "toString"'],
    ['BF=5%,BF=2%', 'names BF twice'],
    ['BF=5%,2%', 'has "2%" where BOOK=RATE is expected'],
    ['BF=5%=2%', 'BOOK=RATE'],
    ['BF=5%,', 'BOOK=RATE'],
  ])('refuses %j', (text, why) => {
    expect(() => parseCommission(text)).toThrow(why);
    expect(complaints({ commission: text })).toContain(why);
  });
});

describe('the options of the job', () => {
  it('are texts on a command line, and have defaults', () => {
    expect(check({})).toEqual({ value: DEFAULTS });
    expect(check({ commission: '2%', rounding: 'half-even', places: '4' })).toEqual({
      value: { commission: '2%', rounding: 'half-even', places: 4 },
    });
  });

  it('may be checked again as they were given', () => {
    const once = check({ places: '2' });
    expect(once.issues).toBeUndefined();
    expect(check('value' in once ? { ...once.value } : {})).toEqual(once);
  });

  it.each([
    [{ rounding: 'up' }, 'rounding must be half-up, half-even, down; got "up"'],
    [{ places: '5' }, 'places must be 2, 3 or 4 decimals; got 5'],
    [{ places: 'many' }, 'places must be 2, 3 or 4'],
    [{ places: '2.5' }, 'places must be 2, 3 or 4 decimals; got 2.5'],
    [{ comission: '2%' }, 'no option comission'],
  ])('refuse %j', (options, why) => expect(complaints(options)).toContain(why));
});
