import { BUILT_IN_CLUBS } from './built-in-clubs.ts';
import { createClubs } from './clubs.ts';
import { countryKey, divisionCountry } from './countries.ts';
import { remembered } from './match.ts';
import { matchLine, SAMPLE_HEADER } from './sample.ts';
import { allFixtures, type Fixture, isoDay } from './sample-fixtures.ts';
import { type Random, seeded } from './sample-random.ts';

/** What a match is made to be, and so what merging the two files has to find. */
export type Fate =
  | 'both'
  /** Beat The Bookie has it a day later. */
  | 'a day apart'
  /** football-data.co.uk has the row twice. */
  | 'twice'
  | 'only football-data'
  | 'only beat-the-bookie'
  /** The two have other results. */
  | 'other result'
  /** football-data.co.uk has two matches, a day before and a day after the other's one. */
  | 'two candidates';

/** One match of the two files. */
export interface MatchTruth {
  fate: Fate;
  /** As football-data.co.uk dates it: yyyy-mm-dd. */
  date: string;
  home: string;
  away: string;
}

export interface SourcesOptions {
  /** Matches, about 1.85 rows each; up to 1,020,000 are distinct. */
  matches: number;
  /** Any integer; the same matches and seed give the same bytes. Default 1. */
  seed?: number;
  /** Take text of each file, some 256 KiB at a time; a promise holds the generator back until it resolves. */
  writeFootballData(text: string): unknown;
  writeBeatTheBookie(text: string): unknown;
  /** Told of each match. */
  truth?(match: MatchTruth): void;
}

/** What was written. */
export interface Sources {
  rows: { footballData: number; beatTheBookie: number };
  matches: Record<Fate, number>;
}

const BEAT_THE_BOOKIE_HEADER =
  'match_id,league,match_date,home_team,home_score,away_team,away_score,avg_odds_home_win,avg_odds_draw,' +
  'avg_odds_away_win,max_odds_home_win,max_odds_draw,max_odds_away_win,top_bookie_home_win,top_bookie_draw,' +
  'top_bookie_away_win,n_odds_home_win,n_odds_draw,n_odds_away_win';

const BLOCK = 256 * 1024;

/** Shares of the matches, in ten-thousandths; all others are 'both'. */
const SHARES: readonly (readonly [Fate, number])[] = [
  ['only football-data', 800],
  ['only beat-the-bookie', 800],
  ['a day apart', 300],
  ['twice', 200],
  ['other result', 50],
  ['two candidates', 30],
];

const COLUMN = Object.fromEntries(SAMPLE_HEADER.split(',').map((name, at) => [name, at]));

/**
 * Writes two files over the same fixtures, in the columns of football-data.co.uk and of Beat The Bookie: other
 * spellings of the clubs, other dates, some matches in one of them alone, some on which they do not agree.
 */
export async function writeSources(options: SourcesOptions): Promise<Sources> {
  const { matches, seed = 1, truth } = options;
  const random = seeded(seed);
  const fixtures = allFixtures(random, true);
  const spell = createSpeller(random);
  const football = blocks(SAMPLE_HEADER, options.writeFootballData);
  const bookie = blocks(BEAT_THE_BOOKIE_HEADER, options.writeBeatTheBookie);
  const fates = Object.fromEntries([['both', 0], ...SHARES.map(([fate]) => [fate, 0])]);
  for (let id = 0; id < matches; id++) {
    const fixture = fixtures.next().value;
    const fate = drawFate(random);
    fates[fate]++;
    const line = matchLine(fixture, random);
    const { league, home, away } = fixture;
    const names = [league.clubs[home] as string, league.clubs[away] as string] as const;
    truth?.({ fate, date: isoDay(fixture), home: names[0], away: names[1] });
    if (fate !== 'only beat-the-bookie') football.add(line);
    if (fate === 'twice') football.add(line);
    if (fate === 'two candidates') football.add(onDay(line, later(fixture, 2)));
    if (fate !== 'only football-data') {
      const day = fate === 'a day apart' || fate === 'two candidates' ? later(fixture, 1) : fixture;
      const teams = names.map((name) => spell(league.div, name));
      bookie.add(bookieLine({ id, day, teams, cells: line.split(','), fate }));
    }
    await football.full();
    await bookie.full();
  }
  await football.end();
  await bookie.end();
  return {
    rows: { footballData: football.rows(), beatTheBookie: bookie.rows() },
    matches: fates as Record<Fate, number>,
  };
}

function drawFate(random: Random): Fate {
  let drawn = random.below(10_000);
  for (const [fate, share] of SHARES) {
    if (drawn < share) return fate;
    drawn -= share;
  }
  return 'both';
}

const later = (fixture: Fixture, days: number): Fixture => ({
  ...fixture,
  day: fixture.day + days,
});

function onDay(line: string, fixture: Fixture): string {
  const cells = line.split(',');
  cells[1] = isoDay(fixture);
  return cells.join(',');
}

interface BookieMatch {
  id: number;
  day: Fixture;
  teams: readonly string[];
  /** Of the other file's row. */
  cells: readonly string[];
  fate: Fate;
}

function bookieLine({ id, day, teams, cells, fate }: BookieMatch): string {
  const cell = (name: string): string => cells[COLUMN[name] as number] as string;
  const goals = Number(cell('FTHG')) + (fate === 'other result' ? 1 : 0);
  const odds = ['BbAv', 'BbMx'].flatMap((book) => ['H', 'D', 'A'].map((side) => cell(book + side)));
  const bookies = cell('Bb1X2');
  const country = divisionCountry(day.league.div);
  return (
    `${id},${country}: ${day.league.div},${isoDay(day)},${teams[0]},${goals},${teams[1]},${cell('FTAG')},` +
    `${odds.join(',')},bwin,Pinnacle,bet365,${bookies},${bookies},${bookies}`
  );
}

/** Another of a club's names, and now and then in capitals. */
function createSpeller(random: Random): (div: string, name: string) => string {
  const clubs = createClubs(BUILT_IN_CLUBS);
  const namesOf = remembered((key): readonly string[] => {
    const [div = '', name = ''] = key.split('|');
    const [club] = clubs.in(countryKey(divisionCountry(div) ?? ''), name);
    return club === undefined ? [name] : [club.name, ...club.aliases];
  });
  return (div, name) => {
    const names = namesOf(`${div}|${name}`);
    const chosen = names[random.below(names.length)] as string;
    return random.chance(0.05) ? chosen.toUpperCase() : chosen;
  };
}

/** Lines of one file, written a block at a time. */
function blocks(header: string, write: (text: string) => unknown) {
  let text = `${header}\n`;
  let rows = 0;
  const end = async (): Promise<void> => {
    const block = text;
    text = '';
    await write(block);
  };
  return {
    add(line: string): void {
      text += `${line}\n`;
      rows++;
    },
    full: async (): Promise<void> => (text.length < BLOCK ? undefined : end()),
    end,
    rows: () => rows,
  };
}
