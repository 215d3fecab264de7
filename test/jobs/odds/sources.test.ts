import { describe, expect, it } from 'vitest';
import { BUILT_IN_CLUBS } from '../../../lib/jobs/odds/built-in-clubs.ts';
import { createClubs } from '../../../lib/jobs/odds/clubs.ts';
import { createListingReader, type Listing } from '../../../lib/jobs/odds/listing.ts';
import { type Merged, mergeListings } from '../../../lib/jobs/odds/merge.ts';
import { createMergedPricer, matchName } from '../../../lib/jobs/odds/merged-price.ts';
import { type Fate, type MatchTruth, writeSources } from '../../../lib/jobs/odds/sample-sources.ts';

const MATCHES = process.env['SLUICE_FULL'] ? 100_000 : 6_000;

async function sources(matches: number) {
  const texts = { footballData: '', beatTheBookie: '' };
  const truths: MatchTruth[] = [];
  const written = await writeSources({
    matches,
    writeFootballData: (text) => (texts.footballData += text),
    writeBeatTheBookie: (text) => (texts.beatTheBookie += text),
    truth: (match) => truths.push(match),
  });
  return { texts, truths, written };
}

function rowsOf(text: string): Record<string, string>[] {
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const names = header.split(',');
  return lines.map((line) =>
    Object.fromEntries(line.split(',').map((cell, at) => [names[at], cell])),
  );
}

/** What a match of each fate has to become: how often, with how many sources, rows and what dispute. */
const WANTED: Record<Fate, readonly [count: number, sources: number, rows: number, code?: string]> =
  {
    both: [1, 2, 2],
    'a day apart': [1, 2, 2],
    twice: [1, 2, 3],
    'only football-data': [1, 1, 1],
    'only beat-the-bookie': [1, 1, 1],
    'other result': [2, 1, 1, 'CONFLICTING_RESULTS'],
    'two candidates': [3, 1, 1, 'AMBIGUOUS_DATE'],
  };

describe('two sources over the same fixtures', () => {
  it(`are merged as they were made, of ${MATCHES} matches none wrongly`, async () => {
    const { texts, truths } = await sources(MATCHES);
    const clubs = createClubs(BUILT_IN_CLUBS);
    const read = createListingReader(clubs);
    const pairs = new Map<string, Listing[]>();
    const both = [...rowsOf(texts.footballData), ...rowsOf(texts.beatTheBookie)];
    for (const row of both) {
      const found = read(row);
      if (!('value' in found)) throw new Error(JSON.stringify(found));
      const known = pairs.get(found.value.pair) ?? [];
      pairs.set(found.value.pair, known);
      known.push(found.value);
    }
    const matches = [...pairs.values()].flatMap((listings) => mergeListings(listings, 1));
    expect(matches.reduce((sum, { rows }) => sum + rows, 0)).toBe(both.length);

    // A day and two clubs are one match of the truth; disputes of one match have up to three days.
    const found = new Map<string, Merged[]>();
    for (const match of matches) {
      const known = found.get(matchName(match)) ?? [];
      found.set(matchName(match), [...known, match]);
    }
    const countries = [...new Set(BUILT_IN_CLUBS.map(({ country }) => country.toLowerCase()))];
    const name = new Map<string, string>();
    const canonical = (text: string): string => {
      const known = name.get(text);
      if (known !== undefined) return known;
      const all = countries.flatMap((country) => clubs.in(country, text));
      name.set(text, all[0]?.name ?? text);
      return all[0]?.name ?? text;
    };
    const wrong: unknown[] = [];
    for (const { fate, date, home, away } of truths) {
      const days = fate === 'two candidates' ? [0, 1, 2] : [0];
      const own = days.flatMap((more) => {
        const day = new Date(Date.parse(date) + more * 86_400_000).toISOString().slice(0, 10);
        const key = matchName({ date: day, home: canonical(home), away: canonical(away) });
        const there = found.get(key) ?? [];
        found.delete(key);
        return there;
      });
      const [count, from, rows, code] = WANTED[fate];
      const right = own.every(
        (one) => one.sources.length === from && one.rows === rows && one.dispute?.code === code,
      );
      if (own.length !== count || !right) wrong.push({ fate, date, home, away, own });
    }
    expect(wrong.slice(0, 3)).toEqual([]);
    expect([...found.keys()].slice(0, 3)).toEqual([]);
  });

  it('have every fate, and the same bytes for the same seed', async () => {
    const [one, two] = [await sources(2000), await sources(2000)];
    expect(one).toEqual(two);
    expect(Object.values(one.written.matches).every((count) => count > 0)).toBe(true);
  });
});

describe('prices of a merged match', () => {
  it('are those of all its sources, and say whose they are', () => {
    const price = createMergedPricer({ commission: 'BFE=5%' });
    const match = {
      date: '2015-08-08',
      country: 'England',
      league: 'E0',
      home: 'a',
      away: 'b',
      rows: 2,
    };
    const quotes = [
      { market: 'BFEC', odds: '2.05 3.5 4', from: [0, 1] },
      { market: 'BbAv>2.5', odds: '1.9 2', from: [1] },
    ];
    expect(price({ ...match, sources: ['x', 'y'], quotes })).toEqual({
      value: {
        ...match,
        sources: ['x', 'y'],
        markets: [
          {
            ...{ book: 'BFE', close: true, net: ['1.998', '3.375', '3.850'] },
            ...{ overPpm: 23_519, fairPpm: [476_596, 279_149, 244_255], from: [0, 1] },
          },
          {
            ...{ book: 'BbAv', line: 2.5, net: ['1.900', '2.000'] },
            ...{ overPpm: 26_316, fairPpm: [512_821, 487_179], from: [1] },
          },
        ],
      },
    });
    const [quote] = quotes;
    const alone = price({ ...match, sources: ['x'], quotes: quote === undefined ? [] : [quote] });
    expect(JSON.stringify(alone)).not.toContain('from');
    const dispute = { code: 'AMBIGUOUS_DATE', message: 'why' };
    expect(price({ ...match, sources: ['x'], quotes, dispute })).toEqual(dispute);
  });
});
