import type { Book, MarketColumns } from './books.ts';
import { DEFAULT_COMMISSION, parseCommission } from './commission.ts';
import type { Rounding } from './decimal.ts';
import { priceMarket } from './market.ts';
import { netOdds } from './net.ts';

export interface OddsOptions {
  /** See `parseCommission`. */
  commission: string;
  /** For every number that is computed. Ties: half-up away from zero, half-even to the even digit. */
  rounding: Rounding;
  /** Decimals of the net odds, 2 to 4. */
  places: number;
}

export const DEFAULTS: OddsOptions = {
  commission: DEFAULT_COMMISSION,
  rounding: 'half-up',
  places: 3,
};

export interface Market {
  book: Book;
  /** Only for closing odds. */
  close?: true;
  /** Goals line of an over/under market; only there. */
  line?: 2.5;
  /**
   * After commission, `places` decimals: home, draw, away; or over, under. Text, because it is exact and
   * twice as fast to write as a fraction. The odds as quoted stay in the input: repeating them would
   * make outcomes a quarter longer and the whole path 1.4 times slower.
   */
  net: string[];
  /** Sum of 1 / odds, minus 1, of the odds as quoted, in millionths. */
  overPpm: number;
  /** Each outcome's probability with that margin taken out in proportion, in millionths. */
  fairPpm: number[];
}

/** Prices odds in ten-thousandths: 3 of a 1X2 market (home, draw, away), 2 of over/under. */
export type Pricer = (odds: number[]) => Market;

/**
 * A pricer for each market, under these options.
 * @throws Error that names the option, if the commission cannot be read
 */
export function createPricers(
  options: Partial<OddsOptions> = {},
): (market: Pick<MarketColumns, 'book' | 'close'>) => Pricer {
  const { commission: text, places, rounding } = { ...DEFAULTS, ...options };
  const commissions = parseCommission(text);
  // Each remembers texts of common odds: one for all books with the same rate.
  const nets = new Map<number, (odds: number) => string>();
  return ({ book, close }) => {
    const commission = commissions(book);
    const net = nets.get(commission) ?? netOdds({ commission, places, rounding });
    nets.set(commission, net);
    return (odds) => {
      const { overPpm, fairPpm } = priceMarket(odds, rounding);
      const texts = odds.map(net);
      if (odds.length === 2) {
        if (close) return { book, close: true, line: 2.5, net: texts, overPpm, fairPpm };
        return { book, line: 2.5, net: texts, overPpm, fairPpm };
      }
      if (close) return { book, close: true, net: texts, overPpm, fairPpm };
      return { book, net: texts, overPpm, fairPpm };
    };
  };
}
