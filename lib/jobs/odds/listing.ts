import { type MarketColumns, marketName } from './books.ts';
import type { Clubs } from './clubs.ts';
import { oddsText } from './decimal.ts';
import { byHeader } from './header.ts';
import { type Layout, layoutOf } from './layouts.ts';
import { remembered } from './match.ts';
import { badOdds, type Cells, type Fault, readQuote, shown } from './quotes.ts';
import { createTeams, type Pair } from './teams.ts';

/** One row of one source, in one form for all of them: a match, and the odds that the source has for it. */
export interface Listing extends Pair {
  source: string;
  /** The league as the source calls it. */
  league: string;
  /** yyyy-mm-dd. */
  date: string;
  /** `2-1`, where the source has the goals. */
  score?: string;
  result?: Result;
  /** By market (`B365`, `PSC`, `BbAv>2.5`), as quoted: home, draw, away; or over, under: `2 3.6 4`. */
  quotes: Record<string, string>;
}

export type Result = 'H' | 'D' | 'A';
export type Read = { value: Listing } | { skip: string } | Fault;

/** What a header says. */
interface Plan {
  layout: Layout | string;
  markets: readonly (MarketColumns & { name: string })[];
}

/** What turns a row of any layout into a listing. */
export function createListingReader(clubs: Clubs): (row: Cells) => Read {
  const teamsOf = createTeams(clubs);
  const dates = new Map<Layout, (text: string | undefined) => string>();
  const planOf = byHeader((header): Plan => {
    const layout = layoutOf(header);
    if (typeof layout === 'string') return { layout, markets: [] };
    if (!dates.has(layout)) dates.set(layout, remembered(layout.date));
    const markets = layout.markets(header).map((one) => ({ ...one, name: marketName(one) }));
    return { layout, markets };
  });
  return (row) => {
    const { layout, markets } = planOf(Object.keys(row));
    if (typeof layout === 'string')
      return { code: 'UNKNOWN_LAYOUT', message: `${capital(layout)}.` };
    const { columns } = layout;
    const date = (dates.get(layout) as (text: string | undefined) => string)(row[columns.date]);
    const [home, away] = [row[columns.home]?.trim() ?? '', row[columns.away]?.trim() ?? ''];
    if (date === '' || home === '' || away === '') return withoutMatch(row, layout, date);
    const quotes = quotesOf(row, markets);
    if (quotes === undefined) return badOdds(row, markets);
    if (quotes === NO_QUOTES) return { skip: 'no odds' };
    const outcome = outcomeOf(row, layout);
    if ('code' in outcome) return outcome;
    const pair = teamsOf({ country: layout.country(row), home, away });
    if ('code' in pair) return pair;
    const { source } = layout;
    const league = layout.league(row);
    return { value: listingOf({ pair, source, league, date, outcome, quotes }) };
  };
}

interface Found extends Pick<Listing, 'source' | 'league' | 'date' | 'quotes'> {
  pair: Pair;
  outcome: Pick<Listing, 'score' | 'result'>;
}

/** Member by member: where V8 looked for a hidden class at each member of each spread, reading a row took 10.7 us of CPU in place of 7.1. */
function listingOf({ pair, source, league, date, outcome, quotes }: Found): Listing {
  const { country, home, away } = pair;
  const { score, result } = outcome;
  const listing = { pair: pair.pair, country, home, away, source, league, date } as Listing;
  if (score !== undefined) listing.score = score;
  if (result !== undefined) listing.result = result;
  listing.quotes = quotes;
  return listing;
}

const NO_QUOTES: Listing['quotes'] = {};

/** undefined where a cell holds something that is no odds above 1; a market with a blank cell is left out. */
function quotesOf(row: Cells, markets: Plan['markets']): Listing['quotes'] | undefined {
  let quotes = NO_QUOTES;
  for (const market of markets) {
    const { odds, blanks } = readQuote(row, market);
    if (blanks < 0) return undefined;
    if (blanks > 0) continue;
    if (quotes === NO_QUOTES) quotes = {};
    quotes[market.name] ??= textsOf(odds);
  }
  return quotes;
}

function textsOf(odds: readonly number[]): string {
  let text = textOf(odds[0] as number);
  for (let i = 1; i < odds.length; i++) text += ` ${textOf(odds[i] as number)}`;
  return text;
}

const REMEMBERED = 10_000;
const texts = new Array<string | undefined>(REMEMBERED).fill(undefined);

/** The same few hundred odds come again and again. */
function textOf(odds: number): string {
  const hundredths = odds / 100;
  const known = texts[hundredths];
  if (known !== undefined) return known;
  const text = oddsText(odds);
  if (Number.isInteger(hundredths) && hundredths < REMEMBERED) texts[hundredths] = text;
  return text;
}

const GOALS = /^\d{1,3}$/;

/** Score and result, as far as the row has them; a fault where they say two things. */
function outcomeOf(
  row: Cells,
  { goals, result }: Layout,
): Pick<Listing, 'score' | 'result'> | Fault {
  const [home = '', away = ''] = goals.map((column) => row[column]?.trim() ?? '');
  const text = result === undefined ? '' : (row[result]?.trim() ?? '');
  const told = text === 'H' || text === 'D' || text === 'A' ? text : undefined;
  if (!GOALS.test(home) || !GOALS.test(away)) return told === undefined ? {} : { result: told };
  const lead = Number(home) - Number(away);
  const played: Result = lead > 0 ? 'H' : lead < 0 ? 'A' : 'D';
  const score = `${Number(home)}-${Number(away)}`;
  if (told === undefined || told === played) return { score, result: played };
  return {
    code: 'CONFLICTING_RESULTS',
    message: `${result} is ${told}, but ${goals.join(' and ')} say ${score}: correct one of them, or leave it blank.`,
  };
}

function withoutMatch(row: Cells, { columns, dates }: Layout, date: string): Read {
  const cells = Object.values(row);
  if (cells.every((cell) => typeof cell !== 'string' || cell.trim() === '')) {
    return { skip: 'blank row' };
  }
  if (date === '') {
    const message = `${columns.date} is ${shown(row[columns.date])}: write a day of the calendar as ${dates}.`;
    return { code: 'BAD_DATE', message };
  }
  const column = (row[columns.home]?.trim() ?? '') === '' ? columns.home : columns.away;
  return { code: 'MISSING_TEAM', message: `${column} is blank: a match needs both teams' names.` };
}

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
