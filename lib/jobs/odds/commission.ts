import { BOOKS, type Book } from './books.ts';

/** Commission in ten-thousandths of the winnings, 0 to 9,999, by bookmaker. */
export type Commissions = (book: Book) => number;

/** Betfair's base rate is 5 %; bookmakers take theirs in the odds. */
export const DEFAULT_COMMISSION = 'default=0,BFE=5%';

const NAMES = Object.keys(BOOKS).join(', ');

/**
 * Reads `2%` or `0.02` (one rate for every book, the exchange too), or a list such as
 * `BF=5%,PS=0.02,default=1%`. A list changes only what it names: without an entry of its own, BFE has
 * 5 % and all others have `default`, which is 0.
 *
 * @throws Error that names the rate, the bound and what to write instead.
 */
export function parseCommission(text: string): Commissions {
  if (!text.includes('=')) {
    const rate = parseRate(text, text);
    return () => rate;
  }
  const named = new Map<string, number>();
  for (const entry of text.split(',')) {
    const [name = '', rate, ...rest] = entry.split('=').map((side) => side.trim());
    if (rate === undefined || rest.length > 0) {
      throw new Error(
        `commission has ${JSON.stringify(entry)} where BOOK=RATE is expected, e.g. BF=5%.`,
      );
    }
    if (name !== 'default' && !Object.hasOwn(BOOKS, name)) {
      throw new Error(
        `commission names ${JSON.stringify(name)}, which is none of: ${NAMES}, default.`,
      );
    }
    if (named.has(name)) throw new Error(`commission names ${name} twice: keep one of them.`);
    named.set(name, parseRate(rate, entry.trim()));
  }
  return (book) => named.get(book) ?? (book === 'BFE' ? 500 : (named.get('default') ?? 0));
}

/** A rate in ten-thousandths. `shown` is what a message quotes. */
function parseRate(text: string, shown: string): number {
  const match = /^(\d{1,9})(?:\.(\d{1,9}))?\s*(%?)$/.exec(text.trim());
  const say = (what: string) => new Error(`commission ${JSON.stringify(shown)} ${what}`);
  if (match === null) {
    throw say(
      'is no rate: write 5%, a fraction below 1 such as 0.05, or a list such as BF=5%,default=0.',
    );
  }
  const [, whole = '', fraction = '', percent] = match;
  const kept = percent === '%' ? 2 : 4;
  const decimals = fraction.replace(/0+$/, '');
  const tenThousandths =
    Number(whole) * 10 ** kept + Number(decimals.slice(0, kept).padEnd(kept, '0'));
  if (percent !== '%' && tenThousandths >= 10_000) {
    throw say(`must be below 1: for ${whole} percent write ${whole}%.`);
  }
  if (tenThousandths >= 10_000) throw say('must be below 100%.');
  if (decimals.length > kept) {
    throw say(
      `has ${decimals.length} decimals; at most ${kept} are allowed ${percent === '%' ? 'in percent' : 'in a fraction'}.`,
    );
  }
  return tenThousandths;
}
