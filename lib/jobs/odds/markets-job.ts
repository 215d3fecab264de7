import {
  csv,
  defineJob,
  each,
  groupBy,
  type Job,
  ok,
  PermanentError,
  type Result,
  skip,
} from '../../index.ts';
import { BUILT_IN_CLUBS } from './built-in-clubs.ts';
import { clubsOf } from './club-files.ts';
import { type Club, parseClubList } from './club-list.ts';
import { createClubs } from './clubs.ts';
import { byHeader } from './header.ts';
import { layoutOf } from './layouts.ts';
import { createListingReader, type Listing } from './listing.ts';
import { type MarketsOptions, optionsSchema, rulesSchema } from './markets-options.ts';
import { type Merged, mergeListings } from './merge.ts';
import { createMergedPricer, matchName, type PricedMatch } from './merged-price.ts';
import type { Cells, Fault } from './quotes.ts';

export type { Listing } from './listing.ts';
export type { MarketsOptions } from './markets-options.ts';
export type { Merged, Quoted } from './merge.ts';
export type { PricedMatch, SourcedMarket } from './merged-price.ts';

export interface OddsMarketsJob {
  /** Lists of clubs in the form of openfootball's clubs.txt, one or several behind one another. */
  clubs: string;
  /** Name of the job; `odds-markets` by default. */
  name?: string;
}

type MarketsJob = Job<Cells, PricedMatch, MarketsOptions>;

/**
 * The odds-markets job with lists of clubs inside, for a job file of your own: the only way on AWS. It takes
 * the built-in's options but `clubs`.
 * @throws Error that names the line where the lists are wrong
 *
 * @example
 * export default oddsMarketsJob({ clubs: '= England\nManchester United FC\n  | Man United | Man Utd\n' });
 */
export function oddsMarketsJob({ clubs, name = 'odds-markets' }: OddsMarketsJob): MarketsJob {
  const own = parseClubList(clubs, 'clubs');
  return jobOf({ name, options: rulesSchema, clubsFor: () => own });
}

/**
 * Matches of several sources, each once: rows of any known layout (football-data.co.uk, its extra leagues, Beat The
 * Bookie, FootyStats) are read into one form, those of one match are merged, and all their odds priced after commission.
 * What may be one match or two is a failed item with the reason, never a guess.
 *
 * Options: `commission`, `rounding`, `places` as of the odds job; `clubs` (file or folder of lists of clubs as
 * openfootball writes them); `days` (0 or 1, the default: how far apart sources may date one match).
 */
// Pure: a job file that imports only `oddsMarketsJob` must not carry this one's file reader.
export default /* @__PURE__ */ jobOf({
  name: 'odds-markets',
  options: optionsSchema,
  clubsFor: ({ clubs }) => {
    try {
      return clubs === undefined ? [] : clubsOf(clubs);
    } catch (error) {
      throw new PermanentError((error as Error).message, { code: 'CLUBS', cause: error });
    }
  },
});

interface Parts {
  name: string;
  options: typeof optionsSchema;
  clubsFor(options: MarketsOptions): readonly Club[];
}

function jobOf({ name, options, clubsFor }: Parts): MarketsJob {
  // A batch has one options object for all the rows of a chunk: what depends on it is made once.
  const reader = once((given: MarketsOptions) =>
    createListingReader(createClubs(BUILT_IN_CLUBS, clubsFor(given))),
  );
  const pricer = once(createMergedPricer);
  return defineJob(
    { name, input: knownLayouts(), options, cpu: true },
    each({
      name: 'read',
      key: rowName,
      process: (row: Cells, ctx) => resultOf<Listing>(reader(ctx.options as MarketsOptions)(row)),
    }),
    groupBy({
      name: 'match',
      key: ({ pair }: Listing) => pair,
      process: async (group, ctx): Promise<Result<Merged>> =>
        ok.many(mergeListings(await group.list(), (ctx.options as MarketsOptions).days)),
    }),
    each({
      name: 'price',
      key: matchName,
      process: (match: Merged, ctx) =>
        resultOf<PricedMatch>(pricer(ctx.options as MarketsOptions)(match)),
    }),
  ) as MarketsJob;
}

function once<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, V>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

function resultOf<V>(done: { value: V } | { skip: string } | Fault): Result<V> {
  if ('value' in done) return ok(done.value);
  if ('skip' in done) return skip(done.skip);
  throw new PermanentError(done.message, { code: done.code });
}

/** CSV, but a file with the header of no known source is refused before anything starts. */
function knownLayouts(): MarketsJob['input'] {
  const reader = csv();
  return {
    ...reader,
    schema: undefined,
    open(head, options) {
      const layout = reader.open(head, options);
      const found = layoutOf(layout.columns ?? []);
      if (layout.problem !== undefined || typeof found !== 'string') return layout;
      return { ...layout, problem: found };
    },
  };
}

const layoutFor = byHeader(layoutOf);

/** Names the row: day, home and away as its source writes them. */
function rowName(row: Cells): string {
  const layout = layoutFor(Object.keys(row));
  if (typeof layout === 'string') return 'unknown';
  const { date, home, away } = layout.columns;
  return `${row[date] ?? ''}|${row[home] ?? ''}|${row[away] ?? ''}`;
}
