import { allFixtures, type Fixture, writeDate } from './sample-fixtures.ts';
import { type Random, seeded } from './sample-random.ts';

export interface SampleOptions {
  /** Matches to write, 0 or more; the comma-only lines at the end come on top. */
  rows: number;
  /** Any integer; the same rows and seed give the same bytes. Default 1. */
  seed?: number;
  /** Takes about 256 KiB of ASCII at a time; a promise holds the generator back until it resolves. */
  write(text: string): unknown;
}

/** What was written. */
export interface Sample {
  rows: number;
  /** Lines of nothing but commas at the end, as season files have them: no records for `csv()`. */
  blankRows: number;
  bytes: number;
  /** Rows that cannot be converted, by what is wrong with them; about 0.3 %. */
  bad: Record<Dirt, number>;
}

/** Faults that real files have. */
export type Dirt = 'odds too low' | 'text for odds' | 'bad date' | 'no team' | 'ragged';

/** The columns of a 2015/16 football-data.co.uk season file. */
export const SAMPLE_HEADER =
  'Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR,HTHG,HTAG,HTR,Referee,HS,AS,HST,AST,HF,AF,HC,AC,HY,AY,HR,AR,' +
  'B365H,B365D,B365A,BWH,BWD,BWA,IWH,IWD,IWA,LBH,LBD,LBA,PSH,PSD,PSA,WHH,WHD,WHA,VCH,VCD,VCA,' +
  'Bb1X2,BbMxH,BbAvH,BbMxD,BbAvD,BbMxA,BbAvA,BbOU,BbMx>2.5,BbAv>2.5,BbMx<2.5,BbAv<2.5,' +
  'BbAH,BbAHh,BbMxAHH,BbAvAHH,BbMxAHA,BbAvAHA,PSCH,PSCD,PSCA';

const COLUMNS = SAMPLE_HEADER.split(',').length;
const BLANK_ROWS = 12;
const BLOCK = 256 * 1024;
const DIRT_SHARE = 0.003;

/** Margin in the odds, and the share of matches for which the bookmaker has none. */
const BOOKMAKERS = [
  { margin: 0.045, missing: 0.002 }, // B365
  { margin: 0.055, missing: 0.004 }, // BW
  { margin: 0.075, missing: 0.03 }, // IW
  { margin: 0.06, missing: 0.02 }, // LB
  { margin: 0.03, missing: 0.015 }, // PS
  { margin: 0.055, missing: 0.005 }, // WH
  { margin: 0.05, missing: 0.025 }, // VC
] as const;

/** Texts of whole hundredths up to 60.00, made once: '2.05', '3.6', '4'. */
const HUNDREDTHS = Array.from({ length: 6001 }, (_, i) => String(i / 100));

/**
 * Writes a CSV that looks like football-data.co.uk season files put together: real columns and clubs of
 * 20 leagues, three date formats, odds with margins of 3 to 7.5 %, blanks and faults as real files have them.
 */
export async function writeSample({ rows, seed = 1, write }: SampleOptions): Promise<Sample> {
  const random = seeded(seed);
  const matches = allFixtures(random);
  const bad = { 'odds too low': 0, 'text for odds': 0, 'bad date': 0, 'no team': 0, ragged: 0 };
  let bytes = 0;
  let block = `${SAMPLE_HEADER}\n`;
  const flush = async (): Promise<void> => {
    bytes += block.length;
    await write(block);
    block = '';
  };
  for (let i = 0; i < rows; i++) {
    const line = matchLine(matches.next().value, random);
    if (random.chance(DIRT_SHARE)) {
      const dirt = DIRTS[random.below(DIRTS.length)] as Dirt;
      bad[dirt]++;
      block += `${soil(line.split(','), dirt).join(',')}\n`;
    } else {
      block += `${line}\n`;
    }
    if (block.length >= BLOCK) await flush();
  }
  block += `${','.repeat(COLUMNS - 1)}\n`.repeat(BLANK_ROWS);
  await flush();
  return { rows, blankRows: BLANK_ROWS, bytes, bad };
}

/** Each as often as it stands here. */
const DIRTS: readonly Dirt[] = [
  'odds too low',
  'odds too low',
  'odds too low',
  'text for odds',
  'text for odds',
  'text for odds',
  'ragged',
  'ragged',
  'bad date',
  'no team',
];

/** Always in B365's cells, which `matchLine` may have left blank: then only this one is filled. */
function soil(cells: string[], dirt: Dirt): string[] {
  if (dirt === 'ragged') return cells.slice(0, 40);
  if (dirt === 'bad date') cells[1] = '31/02/16';
  if (dirt === 'no team') cells[3] = '';
  if (dirt === 'odds too low') cells[23] = cells[4] === '0' ? '0' : '1';
  if (dirt === 'text for odds') cells[24] = 'N/A';
  return cells;
}

/** A row of the header's columns. */
export function matchLine(fixture: Fixture, random: Random): string {
  const { league, home, away } = fixture;
  // Strength by place in the list, mixed anew each season; between -1 and 1.
  const clubs = league.clubs.length;
  const edge =
    (((away * 7 + fixture.season) % clubs) - ((home * 7 + fixture.season) % clubs)) / clubs;
  const pHome = 0.44 + 0.36 * edge + 0.06 * (random.next() - 0.5);
  const pDraw = 0.27 - 0.1 * (edge < 0 ? -edge : edge);
  const p: Chances = [
    pHome < 0.05 ? 0.05 : pHome,
    pDraw,
    1 - pDraw - pHome < 0.04 ? 0.04 : 1 - pDraw - pHome,
  ];
  const referee = league.referees[random.below(league.referees.length)] as string;
  return `${league.div},${writeDate(fixture)},${league.clubs[home]},${league.clubs[away]},${score(p, random)},${referee},${stats(random)},${bookOdds(p, random)},${marketOdds(p, random)},${closing(p, random)}`;
}

/** Chances of home win, draw and away win. */
type Chances = readonly [home: number, draw: number, away: number];

/** FTHG,FTAG,FTR,HTHG,HTAG,HTR */
function score([home, draw]: Chances, random: Random): string {
  const drawn = random.next();
  const low = random.below(3);
  const gap = 1 + random.below(3);
  const hg = drawn < home ? low + gap : low;
  const ag = drawn < home + draw ? low : low + gap;
  const hh = random.below(hg + 1);
  const ha = random.below(ag + 1);
  return `${hg},${ag},${letter(hg - ag)},${hh},${ha},${letter(hh - ha)}`;
}

const letter = (lead: number): string => (lead > 0 ? 'H' : lead < 0 ? 'A' : 'D');

/** HS,AS,HST,AST,HF,AF,HC,AC,HY,AY,HR,AR */
function stats(random: Random): string {
  const some = (n: number) => random.below(n);
  const red = () => (random.chance(0.06) ? 1 : 0);
  return `${6 + some(14)},${4 + some(12)},${1 + some(8)},${some(8)},${6 + some(12)},${6 + some(12)},${some(12)},${some(10)},${some(5)},${some(5)},${red()},${red()}`;
}

function bookOdds(p: Chances, random: Random): string {
  let text = '';
  for (const { margin, missing } of BOOKMAKERS) {
    if (text !== '') text += ',';
    text += random.chance(missing)
      ? ',,'
      : threeOdds(p, margin + 0.01 * (random.next() - 0.5), random);
  }
  return text;
}

function threeOdds([home, draw, away]: Chances, margin: number, random: Random): string {
  const wobble = 0.98 + 0.04 * random.next();
  const keep = 1 + margin;
  return `${odds(1 / (home * keep * wobble))},${odds(1 / (draw * keep))},${odds(1 / (away * keep * (2 - wobble)))}`;
}

/** Decimal text on the steps that bookmakers quote: 0.01 below 3, 0.05 below 6, 0.25 below 12, then 0.5. */
function odds(value: number): string {
  const hundredths = value < 1.02 ? 102 : value > 34 ? 3400 : value * 100;
  const step = hundredths < 300 ? 1 : hundredths < 600 ? 5 : hundredths < 1200 ? 25 : 50;
  return HUNDREDTHS[Math.round(hundredths / step) * step] as string;
}

/** Bb1X2 to BbAvAHA: maxima and averages, over/under 2.5 goals, Asian handicap. */
function marketOdds([home, draw, away]: Chances, random: Random): string {
  const best = 1.01 - 0.02 * random.next();
  const pair = (chance: number) => `${fine(1 / (chance * best))},${fine(1 / (chance * 1.05))}`;
  const over = 0.42 + 0.16 * random.next();
  const goals = `${24 + random.below(20)},${pair(over)},${pair(1 - over)}`;
  const handicap = Math.round((away - home) * 8) / 4;
  const side = 0.46 + 0.08 * random.next();
  const asian = `${20 + random.below(10)},${handicap},${pair(side)},${pair(1 - side)}`;
  return `${36 + random.below(14)},${pair(home)},${pair(draw)},${pair(away)},${goals},${asian}`;
}

const fine = (value: number): string =>
  HUNDREDTHS[value > 60 ? 6000 : Math.round(value * 100)] as string;

/** PSCH,PSCD,PSCA */
function closing([home, draw, away]: Chances, random: Random): string {
  if (random.chance(0.02)) return ',,';
  const keep = 1.025 + 0.01 * random.next();
  return `${fine(1 / (home * keep))},${fine(1 / (draw * keep))},${fine(1 / (away * keep))}`;
}
