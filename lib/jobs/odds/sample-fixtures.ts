import { fixtures, LEAGUES, type League } from './sample-leagues.ts';
import type { Random } from './sample-random.ts';

/** One match to be played. */
export interface Fixture {
  league: League;
  home: number;
  away: number;
  /** Days after 1 January of the season's first year. */
  day: number;
  /** Year in which the season began: 1991 to 2025, and later ones where all are to differ. */
  season: number;
}

const FIRST_SEASON = 1991;
const SEASONS = 35;
/** The column list is that of 2015/16, so samples begin there. */
const START = 2015;
/** 7 August, in days after 1 January. */
const OPENING = 218;
const SEASON_DAYS = 280;

/**
 * Matches of all leagues by date within a season, season after season from 2015/16 to 2025/26, then
 * from 1991/92 on: 255,710 distinct ones, after which they come again, or 35 years later if all are to be `distinct`.
 */
export function* allFixtures(random: Random, distinct = false): Generator<Fixture, never> {
  for (let n = 0; ; n++) {
    const later = distinct ? SEASONS * Math.floor(n / SEASONS) : 0;
    const season = FIRST_SEASON + ((START - FIRST_SEASON + n) % SEASONS) + later;
    // Most rounds a league has: 46 for 24 clubs.
    for (let week = 0; week < 46; week++) {
      for (const league of LEAGUES) {
        const rounds = 2 * (league.clubs.length - 1);
        if (week >= rounds) continue;
        const start = OPENING + Math.floor((week * SEASON_DAYS) / rounds);
        for (const [home, away] of fixtures(league.clubs.length, week)) {
          yield { league, home, away, day: start + random.below(3), season };
        }
      }
    }
  }
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Walks on from 1 January of the season's first year; a season ends in the next one. */
function calendar({ season, day }: Fixture): { year: number; month: number; day: number } {
  let year = season;
  let month = 0;
  let rest = day;
  for (;;) {
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    const days = (MONTH_DAYS[month] as number) + (leap && month === 1 ? 1 : 0);
    if (rest < days) return { year, month: month + 1, day: rest + 1 };
    rest -= days;
    month++;
    if (month === 12) {
      month = 0;
      year++;
    }
  }
}

/** A fixture's day as yyyy-mm-dd. */
export function isoDay(fixture: Fixture): string {
  const { year, month, day } = calendar(fixture);
  return `${year}-${two(month)}-${two(day)}`;
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** Written the way the season's file of that league writes its dates. */
export function writeDate(fixture: Fixture): string {
  const { season, league } = fixture;
  const { year, month, day } = calendar(fixture);
  const file = (season * 31 + league.div.charCodeAt(0) * 7 + league.clubs.length) % 20;
  if (file === 0) return `${year}-${two(month)}-${two(day)}`; // 1 in 20 went through a spreadsheet
  // Two digits mean 1970 to 2069.
  const short = year < 2070 && (season < 2017 ? file < 17 : file < 3);
  return `${two(day)}/${two(month)}/${short ? two(year % 100) : year}`;
}
