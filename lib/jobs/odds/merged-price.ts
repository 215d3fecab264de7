import { marketOf } from './books.ts';
import { parseOdds } from './decimal.ts';
import type { Merged } from './merge.ts';
import { createPricers, type Market, type OddsOptions, type Pricer } from './price.ts';
import type { Fault } from './quotes.ts';

/** One match and its markets after commission. */
export interface PricedMatch extends Omit<Merged, 'quotes' | 'dispute'> {
  markets: SourcedMarket[];
}

/** A market, and who quotes it where the match has several sources. */
export interface SourcedMarket extends Market {
  /** Places in `sources`. */
  from?: number[];
}

/** Names the match: date, home and away. */
export const matchName = ({ date, home, away }: Pick<Merged, 'date' | 'home' | 'away'>): string =>
  `${date}|${home}|${away}`;

/**
 * What prices a match of one or several sources.
 * @throws Error that names the option, if the commission cannot be read
 */
export function createMergedPricer(
  options: Partial<OddsOptions>,
): (match: Merged) => { value: PricedMatch } | Fault {
  const pricersOf = createPricers(options);
  const pricers = new Map<string, Pricer>();
  const pricerOf = (name: string): Pricer => {
    const known = pricers.get(name);
    if (known !== undefined) return known;
    const market = marketOf(name);
    if (market === undefined) throw new Error(`There is no market ${JSON.stringify(name)}.`);
    const made = pricersOf(market);
    pricers.set(name, made);
    return made;
  };
  return ({ quotes, dispute, ...match }) => {
    if (dispute !== undefined) return dispute;
    const several = match.sources.length > 1;
    const markets = quotes.map(({ market, odds, from }): SourcedMarket => {
      const priced = pricerOf(market)(odds.split(' ').map(parseOdds));
      return several ? { ...priced, from } : priced;
    });
    return { value: { ...match, markets } };
  };
}
