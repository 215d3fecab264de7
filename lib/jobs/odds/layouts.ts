import { type MarketColumns, marketsOf } from './books.ts';
import { divisionCountry } from './countries.ts';
import { isoDate } from './match.ts';

/** Cells of a row by column. */
export type Cells = Readonly<Record<string, string | undefined>>;

/** How one source of odds writes its files. */
export interface Layout {
  /** What outcomes call the source. */
  source: string;
  /** Columns that a header must have to be this layout's. */
  columns: Readonly<Record<'date' | 'home' | 'away', string>>;
  /** Of these every one must be there too. */
  marks: readonly string[];
  /** Columns of the goals; they may be missing. */
  goals: readonly [home: string, away: string];
  /** Column of the result (H, D or A), where the layout has one. */
  result?: string;
  /** yyyy-mm-dd, or '' where the text is no day of the calendar. */
  date(text: string): string;
  /** How dates have to be written, for a message. */
  dates: string;
  /** Country of the league as the row tells it; '' where it does not. */
  country(row: Cells): string;
  /** The league as the source calls it; '' where it does not. */
  league(row: Cells): string;
  markets(header: readonly string[]): MarketColumns[];
}

const DAY_FIRST = 'dd/mm/yy, dd/mm/yyyy or yyyy-mm-dd';

/** A season file of football-data.co.uk. */
const FOOTBALL_DATA: Layout = {
  source: 'football-data',
  columns: { date: 'Date', home: 'HomeTeam', away: 'AwayTeam' },
  marks: ['Div'],
  goals: ['FTHG', 'FTAG'],
  result: 'FTR',
  date: isoDate,
  dates: DAY_FIRST,
  country: (row) => divisionCountry(row['Div']?.trim() ?? '') ?? '',
  league: (row) => row['Div']?.trim() ?? '',
  markets: marketsOf,
};

/** A file of its "extra leagues": one country, all seasons. */
const FOOTBALL_DATA_EXTRA: Layout = {
  source: 'football-data-extra',
  columns: { date: 'Date', home: 'Home', away: 'Away' },
  marks: ['Country', 'League'],
  goals: ['HG', 'AG'],
  result: 'Res',
  date: isoDate,
  dates: DAY_FIRST,
  country: (row) => row['Country']?.trim() ?? '',
  league: (row) => row['League']?.trim() ?? '',
  markets: marketsOf,
};

/** closing_odds.csv of the Beat The Bookie data: averages and maxima of up to 32 bookmakers, `England: Premier League`. */
const BEAT_THE_BOOKIE: Layout = {
  source: 'beat-the-bookie',
  columns: { date: 'match_date', home: 'home_team', away: 'away_team' },
  marks: ['league', 'avg_odds_home_win'],
  goals: ['home_score', 'away_score'],
  date: isoDate,
  dates: DAY_FIRST,
  country: (row) => /^(.*?):/.exec(row['league'] ?? '')?.[1]?.trim() ?? '',
  league: (row) => row['league']?.trim() ?? '',
  markets: (header) =>
    present(
      [
        {
          book: 'Avg',
          close: true,
          columns: threeWay('avg_odds_home_win', 'avg_odds_draw', 'avg_odds_away_win'),
        },
        {
          book: 'Max',
          close: true,
          columns: threeWay('max_odds_home_win', 'max_odds_draw', 'max_odds_away_win'),
        },
      ],
      header,
    ),
};

/** A match file of FootyStats: one league and season, times in GMT, no word of the country. */
const FOOTYSTATS: Layout = {
  source: 'footystats',
  columns: { date: 'date_GMT', home: 'home_team_name', away: 'away_team_name' },
  marks: ['odds_ft_home_team_win'],
  goals: ['home_team_goal_count', 'away_team_goal_count'],
  date: monthFirst,
  dates: "'Aug 10 2018 - 7:00pm'",
  country: () => '',
  league: () => '',
  markets: (header) =>
    present(
      [
        {
          book: 'FootyStats',
          close: false,
          columns: threeWay('odds_ft_home_team_win', 'odds_ft_draw', 'odds_ft_away_team_win'),
        },
      ],
      header,
    ),
};

/** In this order: where a header fits several, the first; where sources differ, the first one's word is shown. */
export const LAYOUTS: readonly Layout[] = [
  FOOTBALL_DATA,
  FOOTBALL_DATA_EXTRA,
  BEAT_THE_BOOKIE,
  FOOTYSTATS,
];

function threeWay(...columns: readonly [string, string, string]): readonly string[] {
  return columns;
}

function present(markets: readonly MarketColumns[], header: readonly string[]): MarketColumns[] {
  return markets.filter(({ columns }) => columns.every((column) => header.includes(column)));
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

function monthFirst(text: string): string {
  const [, name = '', day = '', year = ''] =
    /^([A-Za-z]{3}) (\d{1,2}) (\d{4})(?: - \d{1,2}:\d{2}(?:am|pm))?$/.exec(text.trim()) ?? [];
  const month = MONTHS.indexOf(name.toLowerCase()) + 1;
  return isoDate(`${day}/${month}/${year}`);
}

const fits = (layout: Layout, header: ReadonlySet<string>): boolean =>
  [...Object.values(layout.columns), ...layout.marks].every((column) => header.has(column));

/** The layout that a header is of, or what is wrong with it, told by the layout that it comes nearest to. */
export function layoutOf(columns: readonly string[]): Layout | string {
  const header = new Set(columns);
  const found = LAYOUTS.find((layout) => fits(layout, header));
  if (found !== undefined) return found;
  const known = LAYOUTS.map(
    ({ source, columns: own, marks }) =>
      `${source} (${[...marks, ...Object.values(own)].join(', ')})`,
  );
  const shown = columns.slice(0, 12).join(', ');
  return (
    `the header is of no known source: it has ${shown}${columns.length > 12 ? ` and ${columns.length - 12} more` : ''}. ` +
    `Known are ${known.join('; ')}: rename the columns, or leave the file out`
  );
}
