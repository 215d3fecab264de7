import { BOOKS, type Book, type MarketColumns, marketsOf } from './books.ts';
import { type Commissions, DEFAULT_COMMISSION, parseCommission } from './commission.ts';
import { BLANK, NOT_A_NUMBER, ODDS_SCALE, parseOdds, type Rounding } from './decimal.ts';
import { priceMarket } from './market.ts';
import { isoDate, participant, remembered } from './match.ts';
import { netOdds } from './net.ts';

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

export type Converted = { value: Match } | { skip: string } | { code: string; message: string };

/** A market of the header, with all that depends on the options prepared. */
interface Priced extends MarketColumns {
  net(odds: number): string;
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
  const { commission, places, rounding } = { ...DEFAULTS, ...options };
  const planOf = planner(parseCommission(commission), { places, rounding });
  return (row) => {
    const date = iso(row.Date);
    const home = name(row.HomeTeam);
    const away = name(row.AwayTeam);
    if (date === '' || home === '' || away === '') return withoutMatch(row, date);
    const markets: Market[] = [];
    let partial: string[] | undefined;
    const plan = planOf(Object.keys(row));
    for (const market of plan) {
      const cells = readCells(row, market);
      if (cells.blanks < 0) return badOdds(row, plan);
      if (cells.blanks === 0) markets.push(priced(market, cells.odds, rounding));
      else if (cells.blanks < cells.odds.length) {
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

interface Cells {
  /** Ten-thousandths, as `parseOdds` gives them. */
  odds: number[];
  /** How many are blank; below 0 if any cell holds something that is no odds above 1. */
  blanks: number;
}

function readCells(row: Row, { columns }: MarketColumns): Cells {
  const odds = columns.map((column) => parseOdds(row[column] ?? ''));
  let blanks = 0;
  for (let i = 0; i < odds.length; i++) {
    const value = odds[i] as number;
    if (value > ODDS_SCALE) continue;
    blanks = value === BLANK ? blanks + 1 : -columns.length;
  }
  return { odds, blanks };
}

function priced(market: Priced, odds: number[], rounding: Rounding): Market {
  const { overPpm, fairPpm } = priceMarket(odds, rounding);
  const net = odds.map(market.net);
  const { book } = market;
  if (odds.length === 2) {
    if (market.close) return { book, close: true, line: 2.5, net, overPpm, fairPpm };
    return { book, line: 2.5, net, overPpm, fairPpm };
  }
  if (market.close) return { book, close: true, net, overPpm, fairPpm };
  return { book, net, overPpm, fairPpm };
}

/** Rows of one file share their columns: the markets are looked up again only when the keys change. */
function planner(commissions: Commissions, terms: { places: number; rounding: Rounding }) {
  const nets = new Map<number, (odds: number) => string>();
  for (const book of Object.keys(BOOKS) as Book[]) {
    const commission = commissions(book);
    if (!nets.has(commission)) nets.set(commission, netOdds({ commission, ...terms }));
  }
  let lastKeys: readonly string[] = [];
  let lastPlan: readonly Priced[] = [];
  return (keys: readonly string[]): readonly Priced[] => {
    let same = 0;
    if (keys.length === lastKeys.length)
      while (same < keys.length && keys[same] === lastKeys[same]) same++;
    if (same === keys.length && same > 0) return lastPlan;
    lastKeys = keys;
    lastPlan = marketsOf(keys).map((market) => ({
      ...market,
      net: nets.get(commissions(market.book)) as (odds: number) => string,
    }));
    return lastPlan;
  };
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

/** Goes over the row again for a message that names the first bad column and counts the others. */
function badOdds(row: Row, plan: readonly MarketColumns[]): Converted {
  const bad = plan.flatMap(({ columns }) =>
    columns.filter((column) => {
      const odds = parseOdds(row[column] ?? '');
      return odds !== BLANK && odds <= ODDS_SCALE;
    }),
  );
  const column = bad[0] as string;
  const { code, bound } = judge(row[column] as string);
  const others = bad.length - 1;
  const more =
    others === 0
      ? ''
      : ` ${others} other cell${others === 1 ? '' : 's'} of the row cannot be read either.`;
  return {
    code,
    message: `${column} is ${shown(row[column])}: ${bound}. Correct the cell, or leave the market blank.${more}`,
  };
}

function judge(text: string): { code: string; bound: string } {
  const odds = parseOdds(text);
  if (odds >= 0 || parseOdds(text.trim().replace(/^-/, '')) >= 0) {
    return { code: 'ODDS_TOO_LOW', bound: 'decimal odds must be above 1' };
  }
  if (odds === NOT_A_NUMBER) {
    return {
      code: 'ODDS_NOT_A_NUMBER',
      bound: 'decimal odds are digits with a point, such as 2.05',
    };
  }
  return {
    code: 'ODDS_OUT_OF_RANGE',
    bound: 'decimal odds have at most 6 digits before the point and 4 after it',
  };
}

function shown(text: string | undefined): string {
  if (text === undefined) return 'missing from the row';
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}
