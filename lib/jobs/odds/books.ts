/**
 * The bookmakers of football-data.co.uk by their column prefix: 1X2 columns are PREFIX + H, D, A, and
 * closing odds PREFIX + C + H, D, A; over and under 2.5 goals PREFIX + >2.5 and <2.5.
 * A list of known prefixes, since a pattern would take HST, HC or BbMxAHH for odds.
 */
export const BOOKS = {
  B365: 'Bet365',
  BF: 'Betfair',
  BFD: 'Betfred',
  BFE: 'Betfair Exchange',
  BMGM: 'BetMGM',
  BS: 'Blue Square',
  BV: 'BetVictor',
  BW: 'Bet&Win',
  CL: 'Coral',
  GB: 'Gamebookers',
  IW: 'Interwetten',
  LB: 'Ladbrokes',
  P: 'Pinnacle',
  PS: 'Pinnacle',
  SB: 'Sportingbet',
  SJ: 'Stan James',
  SO: 'Sporting Odds',
  SY: 'Stanleybet',
  VC: 'VC Bet',
  WH: 'William Hill',
  '1XB': '1xBet',
  // Aggregates: not one bookmaker's offer, but priced and listed like the others.
  Avg: 'average of the market',
  Max: 'best of the market',
  BbAv: 'Betbrain average',
  BbMx: 'Betbrain maximum',
  FootyStats: 'FootyStats',
} as const;

export type Book = keyof typeof BOOKS;

/** One market that a header offers. */
export interface MarketColumns {
  book: Book;
  /** Closing odds: the last before the match began. */
  close: boolean;
  /** 3: home, draw, away. 2: over, under 2.5 goals. */
  columns: readonly string[];
}

/** First column of a market -> the market. */
const MARKETS: ReadonlyMap<string, MarketColumns> = new Map(
  (Object.keys(BOOKS) as Book[])
    .flatMap((book) => [
      { book, close: false, name: book as string },
      { book, close: true, name: `${book}C` },
    ])
    .flatMap(({ book, close, name }): MarketColumns[] => [
      { book, close, columns: [`${name}H`, `${name}D`, `${name}A`] },
      { book, close, columns: [`${name}>2.5`, `${name}<2.5`] },
    ])
    .map((market) => [market.columns[0] as string, market]),
);

/** The markets whose columns are all in the header, in the header's order. */
export function marketsOf(header: readonly string[]): MarketColumns[] {
  const present = new Set(header);
  return [...present]
    .map((column) => MARKETS.get(column))
    .filter((market) => market?.columns.every((column) => present.has(column)) === true)
    .filter((market) => market !== undefined);
}

/** A market's name, which is that of its columns without the outcome: `B365`, `PSC` (closing), `BbAv>2.5`. */
export const marketName = ({ book, close, columns }: MarketColumns): string =>
  `${OTHER_CODES[book] ?? book}${close ? 'C' : ''}${columns.length === 2 ? '>2.5' : ''}`;

/** Files before 2019/20 write Pinnacle as PS, those of the extra leagues as P: one bookmaker, so one market. */
const OTHER_CODES: Partial<Record<Book, Book>> = { P: 'PS' };

/** The market of a name; undefined where no book has it. */
export const marketOf = (name: string): MarketColumns | undefined => BY_NAME.get(name);

const BY_NAME: ReadonlyMap<string, MarketColumns> = new Map(
  [...MARKETS.values()].map((market) => [marketName(market), market]),
);
