import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PricedMatch } from '../../../lib/jobs/odds/markets-job.ts';
import { type Sources, writeSources } from '../../../lib/jobs/odds/sample-sources.ts';
import { newWorld, parseLines, type World } from '../../support/world.ts';

const { SLUICE_DATA = '../shared/data' } = process.env;
const SEASONS = `${SLUICE_DATA}/odds/jokecamp/football-data.co.uk`;
const REAL = {
  'Premier.csv': `${SEASONS}/england/2015-2016/Premier.csv`,
  'F1.csv': `${SEASONS}/france/F1 (15).csv`,
};
const NOW = '2026-01-01T00:00:00Z';
const MATCHES = 1500;

async function twoFiles(): Promise<{ world: World; written: Sources }> {
  const texts = ['', ''] as [string, string];
  const written = await writeSources({
    matches: MATCHES,
    writeFootballData: (text) => (texts[0] += text),
    writeBeatTheBookie: (text) => (texts[1] += text),
  });
  const world = newWorld();
  world.write('football-data.csv', texts[0]);
  world.write('closing_odds.csv', texts[1]);
  return { world, written };
}

interface Line {
  key: string;
  status: string;
  value?: PricedMatch;
  error?: { code: string; message: string };
}

/** Outcomes of the last stage, whose keys begin with a day. */
const priced = (outcomes: string): Line[] =>
  parseLines<Line>(outcomes).filter(
    ({ key, value }) => /^\d{4}-\d\d-\d\d\|/.test(key) && !(value && 'pair' in value),
  );

describe('the odds-markets job', () => {
  it('merges two sources alike on one thread and on several, in chunks of any size', async () => {
    const made = [await twoFiles(), await twoFiles()];
    const worlds = made.map(({ world }) => world);
    const { written } = made[0] as { written: Sources };
    for (const [at, flags] of [['off'], ['on', '--chunk', '97']].entries()) {
      const files = ['football-data.csv', 'closing_odds.csv'];
      const run = [
        'run',
        'odds-markets',
        ...files,
        '--now',
        NOW,
        '--quiet',
        '--parallel',
        ...flags,
      ];
      expect((await worlds[at]?.cli(run))?.code).toBe(2);
    }
    const [off, on] = worlds.map((one) => one.outcomes());
    expect(on).toBe(off);

    const { both, twice, ...fates } = written.matches;
    const alone = fates['only football-data'] + fates['only beat-the-bookie'];
    const matches = priced(off as string);
    const ok = matches.flatMap(({ value }) => value ?? []);
    expect(ok.filter(({ sources }) => sources.length === 2)).toHaveLength(
      both + twice + fates['a day apart'],
    );
    expect(ok.filter(({ sources }) => sources.length === 1)).toHaveLength(alone);
    expect(ok.filter(({ rows }) => rows === 3)).toHaveLength(twice);
    const codes = matches.flatMap(({ error }) => error?.code ?? []);
    expect(codes.filter((code) => code === 'CONFLICTING_RESULTS')).toHaveLength(
      2 * fates['other result'],
    );
    expect(codes.filter((code) => code === 'AMBIGUOUS_DATE')).toHaveLength(
      3 * fates['two candidates'],
    );
    expect(codes.length).toBeGreaterThan(0);
    const one = ok.find(({ sources }) => sources.length === 2) as PricedMatch;
    expect(one.markets.some(({ book, from }) => book === 'B365' && from?.join() === '0')).toBe(
      true,
    );
    expect(one.markets.some(({ book, from }) => book === 'Avg' && from?.join() === '1')).toBe(true);
    expect(worlds[1]?.report().stages?.map(({ name }) => name)).toEqual(['read', 'match', 'price']);
  });

  it('refuses a file of no known source by its name, before anything starts', async () => {
    const { world } = await twoFiles();
    world.write('other.csv', 'id,price\n1,2\n');
    const answer = await world.cli([
      'run',
      'odds-markets',
      'football-data.csv',
      'other.csv',
      '--quiet',
    ]);
    expect(answer.code).toBe(1);
    expect(answer.stdout + answer.stderr).toContain(
      'other.csv: the header is of no known source: it has id, price. Known are football-data (Div, Date, HomeTeam, AwayTeam)',
    );
    expect(world.batches()).toEqual([]);
  });
});

const MATCH = 'Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A\n';
const OTHER =
  'league,match_date,home_team,home_score,away_team,away_score,avg_odds_home_win,avg_odds_draw,avg_odds_away_win\n';

/** One match in two spellings that only a list makes one. */
function lilac(): World {
  const world = newWorld();
  world.write(
    'a.csv',
    `${MATCH}F1,08/08/15,Toulouse,Metz,1,0,H,2,3,4\nF1,09/08/15,Paris,Metz,1,0,H,2,3,4\n`,
  );
  world.write('b.csv', `${OTHER}France: Ligue 1,2015-08-08,The Violets,1,Metz,0,2.1,3,4\n`);
  world.write(
    'lists/fr.clubs.txt',
    '= France\nToulouse FC, 1970\n  | The Violets\nParis FC\n  | Paris\n',
  );
  world.write('lists/more/fr2.clubs.txt', '= France\nParis Saint-Germain\n  | Paris\n');
  world.write('lists/README.md', 'no list');
  return world;
}

const run = (world: World, ...flags: string[]) =>
  world.cli(['run', 'odds-markets', 'a.csv', 'b.csv', '--quiet', '--parallel', 'off', ...flags]);

describe('lists of clubs', () => {
  it('make one match of two spellings, and of one name for two clubs a failed row', async () => {
    const world = lilac();
    expect((await run(world, '--option', 'clubs=lists')).code).toBe(2);
    const lines = parseLines<Line>(world.outcomes());
    expect(lines.filter(({ status }) => status === 'failed')).toMatchObject([
      { key: '09/08/15|Paris|Metz', error: { code: 'AMBIGUOUS_CLUB' } },
    ]);
    expect(priced(world.outcomes()).map(({ value }) => value?.sources)).toEqual([
      ['football-data', 'beat-the-bookie'],
    ]);
  });

  it.each([
    ['clubs=nowhere', /clubs: ENOENT.*nowhere/],
    ['clubs=a.csv', /a\.csv, line 1: a club stands before the first heading/],
    ['clubs=lists/more/..', undefined],
    ['clubs=home', /has no list of clubs: no \*clubs\.txt is in it/],
    ['days=2', /days must be 0 or 1.*got 2/],
    [
      'club=x',
      /the odds-markets job has no option club: it has clubs, commission, rounding, places and days/,
    ],
  ])('with %s', async (option, message) => {
    const world = lilac();
    world.write('home/x', '');
    const answer = await run(world, '--option', option);
    expect([answer.code, answer.stderr]).toEqual(
      message === undefined ? [2, ''] : [64, expect.stringMatching(message)],
    );
  });

  it('may be part of a job file', async () => {
    const world = lilac();
    const list = JSON.stringify(readFileSync(world.path('lists/fr.clubs.txt'), 'utf8'));
    world.write(
      'job.ts',
      `import { oddsMarketsJob } from 'sluice/jobs/odds-markets';\nexport default oddsMarketsJob({ clubs: ${list} });\n`,
    );
    const answer = await world.cli([
      'run',
      'job.ts',
      'a.csv',
      'b.csv',
      '--quiet',
      '--parallel',
      'off',
    ]);
    expect(answer.code, answer.stderr).toBe(0);
    expect(
      priced(world.outcomes())
        .map(({ value }) => value?.sources.length)
        .toSorted(),
    ).toEqual([1, 2]);
  });
});

describe.skipIf(!Object.values(REAL).every((file) => existsSync(file)))(
  'real season files (SLUICE_DATA)',
  () => {
    it('are one match a row, each once, however often a file is given', async () => {
      const world = newWorld();
      for (const [name, file] of Object.entries(REAL)) world.write(name, readFileSync(file));
      world.write('Premier again.csv', readFileSync(REAL['Premier.csv']));
      const files = [...Object.keys(REAL), 'Premier again.csv'];
      const answer = await world.cli(['run', 'odds-markets', ...files, '--quiet']);
      expect(answer.code, answer.stderr).toBe(0);
      const matches = priced(world.outcomes());
      expect(matches).toHaveLength(380);
      expect(matches.every(({ value }) => value?.rows === 2)).toBe(true);
    });
  },
);
