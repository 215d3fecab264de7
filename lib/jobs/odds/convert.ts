import { type MarketColumns, marketsOf } from './books.ts';
import { byHeader } from './header.ts';
import { isoDate, participant, remembered } from './match.ts';
import { createPricers, type Market, type OddsOptions, type Pricer } from './price.ts';
import { badOdds, type Fault, readQuote, shown } from './quotes.ts';

/** A line of a football-data.co.uk file: text by column name. */
export interface Row {
  readonly Div?: string;
  readonly Date?: string;
  readonly HomeTeam?: string;
  readonly AwayTeam?: string;
  /** Full-time result: H, D or A. */
  readonly FTR?: string;
  readonly [column: string]: string | undefined;
}

export interface Match {
  div: string;
  date: string;
  home: string;
  away: string;
  result?: 'H' | 'D' | 'A';
  markets: Market[];
  /** Markets left out since some of their cells are blank: the first column's name. */
  partial?: string[];
}

export type Converted = { value: Match } | { skip: string } | Fault;

/** A market of the header, with all that depends on the options prepared. */
interface Priced extends MarketColumns {
  price: Pricer;
}

const iso = remembered(isoDate);
const name = remembered(participant);

/** Names the match: division, ISO date (or the text that is no date), home and away team. */
export function matchKey(row: Row): string {
  const date = iso(row.Date) || name(row.Date);
  return `${name(row.Div)}|${date}|${name(row.HomeTeam)}|${name(row.AwayTeam)}`;
}

/**
 * What turns rows into matches under these options.
 * @throws Error that names the option, if the commission cannot be read.
 */
export function createConverter(options: Partial<OddsOptions> = {}): (row: Row) => Converted {
  const pricerOf = createPricers(options);
  const planOf = byHeader((header): readonly Priced[] =>
    marketsOf(header).map((market) => ({ ...market, price: pricerOf(market) })),
  );
  return (row) => {
    const date = iso(row.Date);
    const home = name(row.HomeTeam);
    const away = name(row.AwayTeam);
    if (date === '' || home === '' || away === '') return withoutMatch(row, date);
    const markets: Market[] = [];
    let partial: string[] | undefined;
    const plan = planOf(Object.keys(row));
    for (const market of plan) {
      const { odds, blanks } = readQuote(row, market);
      if (blanks < 0) return badOdds(row, plan);
      if (blanks === 0) markets.push(market.price(odds));
      else if (blanks < odds.length) {
        partial ??= [];
        partial.push(market.columns[0] as string);
      }
    }
    if (markets.length === 0) return { skip: partial ? 'only partial odds' : 'no odds' };
    const value = matchOf(row, { date, home, away, markets });
    if (partial) value.partial = partial;
    return { value };
  };
}

function matchOf(row: Row, rest: Pick<Match, 'date' | 'home' | 'away' | 'markets'>): Match {
  const { date, home, away, markets } = rest;
  const div = name(row.Div);
  const result = row.FTR;
  return result === 'H' || result === 'D' || result === 'A'
    ? { div, date, home, away, result, markets }
    : { div, date, home, away, markets };
}

function withoutMatch(row: Row, date: string): Converted {
  const cells = Object.values(row);
  // csv() passes over lines of nothing but commas; rows from elsewhere may still be blank.
  if (cells.every((cell) => typeof cell !== 'string' || cell.trim() === ''))
    return { skip: 'blank row' };
  if (date === '') {
    return {
      code: 'BAD_DATE',
      message: `Date is ${shown(row.Date)}: write a day of the calendar as dd/mm/yy, dd/mm/yyyy or yyyy-mm-dd.`,
    };
  }
  const column = name(row.HomeTeam) === '' ? 'HomeTeam' : 'AwayTeam';
  const why = column in row ? 'is blank' : 'is missing from the header';
  return { code: 'MISSING_TEAM', message: `${column} ${why}: a match needs both teams' names.` };
}
