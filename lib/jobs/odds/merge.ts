import { LAYOUTS } from './layouts.ts';
import type { Listing, Result } from './listing.ts';
import type { Fault } from './quotes.ts';

/** One match, with what all its sources quote. */
export interface Merged {
  date: string;
  country: string;
  league: string;
  home: string;
  away: string;
  score?: string;
  result?: Result;
  /** In the order of the layouts. */
  sources: string[];
  /** Dates by source, where they differ by a day. */
  dates?: Record<string, string>;
  /** How many input rows it is made of. */
  rows: number;
  quotes: Quoted[];
  /** Why the sources do not say that it is one match, or which: then its rows are those that agree. */
  dispute?: Fault;
}

/** Odds of one market; a market of which sources quote different odds has several. */
export interface Quoted {
  market: string;
  /** `2 3.6 4` */
  odds: string;
  /** Who quotes them: places in `sources`. */
  from: number[];
}

/** The listings of one day. */
interface Day {
  date: string;
  listings: Listing[];
}

/**
 * The matches of one pair of clubs. Listings of one day are one match. Listings a day apart are one match too,
 * as sources differ in time zones, but only if no source has both days, no third day stands next to them, and the
 * results agree. What may be one match or several is given as several, each with its dispute.
 *
 * @param listings of one pair, in input order
 * @param days 0: only the same day is one match
 */
export function mergeListings(listings: readonly Listing[], days: 0 | 1): Merged[] {
  const matches: Merged[] = [];
  // A loop: V8 let go of the code of a callback between two chunks, and compiled it with all that it calls ten times in a thread.
  for (const chain of chainsOf(byDay(listings), days)) {
    const all = chain.flatMap(listingsOf);
    if (chain.length <= 2 && agree(all)) matches.push(mergedOf(all));
    else matches.push(...disputed(chain));
  }
  return matches;
}

const listingsOf = (day: Day): Listing[] => day.listings;

function byDay(listings: readonly Listing[]): Day[] {
  const days = new Map<string, Listing[]>();
  for (const listing of listings) {
    const known = days.get(listing.date);
    if (known === undefined) days.set(listing.date, [listing]);
    else known.push(listing);
  }
  return [...days]
    .map(([date, own]) => ({ date, listings: own }))
    .sort((a, b) => (a.date < b.date ? -1 : 1));
}

/** Days that may be one match: each next to the one before, and without a source that has both. */
function chainsOf(days: readonly Day[], tolerance: 0 | 1): Day[][] {
  const chains: Day[][] = [];
  for (const day of days) {
    const last = chains.at(-1);
    const before = last?.at(-1);
    if (last !== undefined && before !== undefined && tolerance === 1 && mayBeOne(before, day)) {
      last.push(day);
    } else chains.push([day]);
  }
  return chains;
}

const DAY_MS = 86_400_000;

function mayBeOne(a: Day, b: Day): boolean {
  if (Date.parse(b.date) - Date.parse(a.date) !== DAY_MS) return false;
  const sources = new Set(a.listings.map(({ source }) => source));
  return !b.listings.some(({ source }) => sources.has(source));
}

/** No two of them say different results; who says none agrees with all. */
function agree(listings: readonly Listing[]): boolean {
  const scores = new Set<string>();
  const results = new Set<string>();
  for (const { score, result } of listings) {
    if (score !== undefined) scores.add(score);
    if (result !== undefined) results.add(result);
  }
  return scores.size <= 1 && results.size <= 1;
}

/** Each day and result on its own, with what the others say. */
function disputed(chain: readonly Day[]): Merged[] {
  const sides = chain.flatMap(({ listings }) => bySaid(listings));
  const code = chain.length === 1 ? 'CONFLICTING_RESULTS' : 'AMBIGUOUS_DATE';
  const told = sides.slice(0, SHOWN).map((side) => tellSide(side));
  const more = sides.length > SHOWN ? `, and ${sides.length - SHOWN} more` : '';
  const [{ home, away }] = sides[0] as [Listing];
  const what =
    code === 'CONFLICTING_RESULTS'
      ? 'these are one match with one result'
      : 'these may be one match or several';
  const message = `${home} - ${away}: ${what}, and the sources do not say which: ${told.join('; ')}${more}. Correct the wrong one, or leave it out.`;
  return sides.map((side) => ({ ...mergedOf(side), dispute: { code, message } }));
}

const SHOWN = 4;

/** Listings that say the same result, in the order in which results come. */
function bySaid(listings: readonly Listing[]): Listing[][] {
  const sides = new Map<string, Listing[]>();
  for (const listing of listings) {
    const said = listing.score ?? listing.result ?? '';
    const known = sides.get(said);
    if (known === undefined) sides.set(said, [listing]);
    else known.push(listing);
  }
  return [...sides.values()];
}

function tellSide(side: readonly Listing[]): string {
  const { date, score, result } = side[0] as Listing;
  const sources = [...new Set(side.map(({ source }) => source))].join(' and ');
  return `${sources} on ${date}, ${score ?? (result === undefined ? 'no result' : `result ${result}`)}`;
}

const ORDER = new Map(LAYOUTS.map(({ source }, at) => [source, at]));
const place = (source: string): number => ORDER.get(source) ?? ORDER.size;

/** Listings that agree, as one match; where their words differ (date, league), the first source's are taken. */
function mergedOf(listings: readonly Listing[]): Merged {
  // The sort is stable: listings of one source stay in input order.
  const own = [...listings].sort((a, b) => place(a.source) - place(b.source));
  const sources = [...new Set(own.map(({ source }) => source))];
  const { date, country, league, home, away } = own[0] as Listing;
  const score = own.find((one) => one.score !== undefined)?.score;
  const result = own.find((one) => one.result !== undefined)?.result;
  const told = league || (own.find((one) => one.league !== '')?.league ?? '');
  // One by one, in the order in which they are written: with spreads, and dates for all, a row took 6.2 us in place of 4.0.
  const merged = { date, country, league: told, home, away } as Merged;
  if (score !== undefined) merged.score = score;
  if (result !== undefined) merged.result = result;
  merged.sources = sources;
  if (!own.every((one) => one.date === date)) {
    merged.dates = Object.fromEntries(own.map((one) => [one.source, one.date]));
  }
  merged.rows = own.length;
  merged.quotes = quotesOf(own, sources);
  return merged;
}

/** Each market and odds once, with who quotes them. */
function quotesOf(listings: readonly Listing[], sources: readonly string[]): Quoted[] {
  const quoted = new Map<string, Quoted>();
  for (const { source, quotes } of listings) {
    const from = sources.indexOf(source);
    for (const market of Object.keys(quotes)) {
      const odds = quotes[market] as string;
      const key = `${market} ${odds}`;
      const known = quoted.get(key);
      if (known === undefined) quoted.set(key, { market, odds, from: [from] });
      else if (!known.from.includes(from)) known.from.push(from);
    }
  }
  return [...quoted.values()];
}
