import { describe, expect, it } from 'vitest';
import { BUILT_IN_CLUBS } from '../../../lib/jobs/odds/built-in-clubs.ts';
import { createClubs } from '../../../lib/jobs/odds/clubs.ts';
import { createListingReader, type Listing } from '../../../lib/jobs/odds/listing.ts';
import { mergeListings } from '../../../lib/jobs/odds/merge.ts';

const read = createListingReader(createClubs(BUILT_IN_CLUBS));

const ODDS = { B365H: '2.10', B365D: '3.6', B365A: '4', PSCH: '', PSCD: '', PSCA: '' };
const A = {
  ...{ Div: 'E0', Date: '08/08/15', HomeTeam: 'Bournemouth', AwayTeam: 'Aston Villa' },
  ...{ FTHG: '0', FTAG: '1', FTR: 'A', ...ODDS },
};
const B = {
  ...{ league: 'England: Premier League', match_date: '2015-08-08' },
  ...{
    home_team: 'AFC Bournemouth',
    home_score: '0',
    away_team: 'Aston Villa FC',
    away_score: '1',
  },
  ...{ avg_odds_home_win: '2.05', avg_odds_draw: '3.5', avg_odds_away_win: '3.9' },
};
const C = {
  ...{
    date_GMT: 'Aug 8 2015 - 11:45am',
    home_team_name: 'AFC BOURNEMOUTH',
    away_team_name: 'aston villa',
  },
  ...{ home_team_goal_count: '0', away_team_goal_count: '1' },
  ...{ odds_ft_home_team_win: '2.1', odds_ft_draw: '3.6', odds_ft_away_team_win: '4' },
};
const D = {
  ...{ Country: 'Türkiye', League: 'Süper Lig', Season: '2015', Date: '8/8/2015', Home: 'Goztepe' },
  ...{ Away: 'Besiktas', HG: '', AG: '', Res: 'H', PH: '2', PD: '3', PA: '4' },
};

function listing(row: Record<string, string>): Listing {
  const found = read(row);
  if (!('value' in found)) throw new Error(JSON.stringify(found));
  return found.value;
}

describe('listings', () => {
  it('are one form for all layouts', () => {
    expect(listing(A)).toEqual({
      pair: 'england|afc bournemouth|aston villa fc',
      ...{ country: 'England', home: 'AFC Bournemouth', away: 'Aston Villa FC' },
      ...{ source: 'football-data', league: 'E0', date: '2015-08-08', score: '0-1', result: 'A' },
      quotes: { B365: '2.1 3.6 4' },
    });
    const pair = listing(A).pair;
    expect([B, C].map((row) => listing(row))).toMatchObject([
      { source: 'beat-the-bookie', pair, date: '2015-08-08', quotes: { AvgC: '2.05 3.5 3.9' } },
      { source: 'footystats', pair, country: 'England', quotes: { FootyStats: '2.1 3.6 4' } },
    ]);
    expect(listing(D)).toMatchObject({
      ...{ source: 'football-data-extra', pair: 'turkey|goztepe|besiktas', result: 'H' },
      quotes: { PS: '2 3 4' },
    });
    expect(listing(D)).not.toHaveProperty('score');
  });

  it.each([
    [
      'an unknown header',
      { a: '1', b: '2' },
      'UNKNOWN_LAYOUT',
      /has a, b\. Known are football-data \(Div, Date/,
    ],
    [
      'no day',
      { ...C, date_GMT: 'Feb 30 2015' },
      'BAD_DATE',
      /date_GMT is "Feb 30 2015": .* 'Aug 10 2018/,
    ],
    ['no club', { ...B, away_team: ' ' }, 'MISSING_TEAM', /^away_team is blank/],
    ['odds of 1', { ...B, avg_odds_draw: '1' }, 'ODDS_TOO_LOW', /^avg_odds_draw is "1"/],
    [
      'a result against the goals',
      { ...A, FTR: 'H' },
      'CONFLICTING_RESULTS',
      /FTR is H, but FTHG and FTAG say 0-1/,
    ],
  ])('of a row with %s are a fault', (_what, row, code, message) =>
    expect(read(row)).toEqual({ code, message: expect.stringMatching(message) }),
  );

  it('of rows without odds are skipped', () => {
    expect(read({ ...A, B365H: '' })).toEqual({ skip: 'no odds' });
    expect(read(Object.fromEntries(Object.keys(A).map((key) => [key, ' '])))).toEqual({
      skip: 'blank row',
    });
  });
});

const on = (row: Record<string, string>, date: string, score = '0-1'): Listing => ({
  ...listing(row),
  date,
  score,
  result: score === '0-1' ? 'A' : 'H',
});

describe('merging', () => {
  it('makes one match of all sources, and one quote of what is quoted alike', () => {
    const { pair: _, quotes: _q, source: _s, ...match } = listing(A);
    const late = { ...listing(A), quotes: { B365: '2.2 3.6 4', PSC: '2 3 4' } };
    expect(mergeListings([listing(C), listing(B), listing(A), listing(A), late], 1)).toEqual([
      {
        ...match,
        sources: ['football-data', 'beat-the-bookie', 'footystats'],
        rows: 5,
        quotes: [
          { market: 'B365', odds: '2.1 3.6 4', from: [0] },
          { market: 'B365', odds: '2.2 3.6 4', from: [0] },
          { market: 'PSC', odds: '2 3 4', from: [0] },
          { market: 'AvgC', odds: '2.05 3.5 3.9', from: [1] },
          { market: 'FootyStats', odds: '2.1 3.6 4', from: [2] },
        ],
      },
    ]);
  });

  const shape = (listings: Listing[], days: 0 | 1 = 1) =>
    mergeListings(listings, days).map(({ date, sources, dispute }) =>
      [date.slice(8), sources.length, dispute?.code ?? 'one'].join(' '),
    );

  it.each([
    ['a day apart', [on(A, '2015-08-08'), on(B, '2015-08-09')], ['08 2 one']],
    ['two days apart', [on(A, '2015-08-08'), on(B, '2015-08-10')], ['08 1 one', '10 1 one']],
    ['over the end of a year', [on(A, '2015-12-31'), on(B, '2016-01-01')], ['31 2 one']],
    ['both in one source', [on(A, '2015-08-08'), on(A, '2015-08-09')], ['08 1 one', '09 1 one']],
    [
      'the same day first',
      [on(A, '2015-08-08'), on(A, '2015-08-09'), on(B, '2015-08-09')],
      ['08 1 one', '09 2 one'],
    ],
    [
      'two candidates',
      [on(A, '2015-08-08'), on(B, '2015-08-09'), on(A, '2015-08-10')],
      ['08 1 AMBIGUOUS_DATE', '09 1 AMBIGUOUS_DATE', '10 1 AMBIGUOUS_DATE'],
    ],
    [
      'a day apart with other results',
      [on(A, '2015-08-08'), on(B, '2015-08-09', '2-1')],
      ['08 1 AMBIGUOUS_DATE', '09 1 AMBIGUOUS_DATE'],
    ],
    [
      'other results on one day',
      [on(A, '2015-08-08'), on(B, '2015-08-08', '2-1'), on(C, '2015-08-08')],
      ['08 2 CONFLICTING_RESULTS', '08 1 CONFLICTING_RESULTS'],
    ],
    [
      'years apart',
      [on(B, '2016-08-08'), on(A, '2015-08-08'), on(B, '2015-08-08'), on(A, '2016-08-08')],
      ['08 2 one', '08 2 one'],
    ],
  ])('%s', (_what, listings, expected) => {
    expect(shape(listings)).toEqual(expected);
    // Nothing depends on which source comes first, but the order of disputes on one day.
    expect(shape(listings.toReversed()).toSorted()).toEqual(expected.toSorted());
  });

  it('keeps days apart where no tolerance is asked for, and says both dates where it is', () => {
    const apart = [on(B, '2015-08-07'), on(A, '2015-08-08')];
    expect(shape(apart, 0)).toEqual(['07 1 one', '08 1 one']);
    expect(mergeListings(apart, 1)).toMatchObject([
      {
        date: '2015-08-08',
        dates: { 'football-data': '2015-08-08', 'beat-the-bookie': '2015-08-07' },
      },
    ]);
  });

  it('tells of a dispute who says what', () => {
    const [one] = mergeListings([on(A, '2015-08-08'), on(B, '2015-08-08', '2-1')], 1);
    expect(one?.dispute?.message).toBe(
      'AFC Bournemouth - Aston Villa FC: these are one match with one result, and the sources do not say which: ' +
        'football-data on 2015-08-08, 0-1; beat-the-bookie on 2015-08-08, 2-1. Correct the wrong one, or leave it out.',
    );
  });
});
