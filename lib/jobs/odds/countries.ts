import { fold } from './fold.ts';

/** Countries by the letters of football-data.co.uk's divisions: E0 to E3 and EC are England's. */
const BY_DIVISION: Readonly<Record<string, string>> = {
  E: 'England',
  EC: 'England',
  SC: 'Scotland',
  D: 'Germany',
  I: 'Italy',
  SP: 'Spain',
  F: 'France',
  N: 'Netherlands',
  B: 'Belgium',
  P: 'Portugal',
  T: 'Turkey',
  G: 'Greece',
};

/** The country of a division such as `E0`; undefined where the letters are none of those. */
export const divisionCountry = (div: string): string | undefined =>
  BY_DIVISION[div.replace(/\d$/, '')];

const OTHER_NAMES: Readonly<Record<string, string>> = {
  usa: 'united states',
  'united states of america': 'united states',
  'republic of ireland': 'ireland',
  czechia: 'czech republic',
  turkiye: 'turkey',
  holland: 'netherlands',
};

/** Whose clubs play in another country's leagues: Cardiff in England, Monaco in France. */
const PLAY_IN: Readonly<Record<string, string>> = {
  wales: 'england',
  monaco: 'france',
  liechtenstein: 'switzerland',
  canada: 'united states',
  andorra: 'spain',
  'san marino': 'italy',
  'new zealand': 'australia',
};

/** Under which clubs of a country are found: its name folded, or that of the country in whose leagues they play. */
export function countryKey(country: string): string {
  const folded = fold(country);
  const key = OTHER_NAMES[folded] ?? folded;
  return PLAY_IN[key] ?? key;
}
