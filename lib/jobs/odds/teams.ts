import type { Club } from './club-list.ts';
import type { Clubs } from './clubs.ts';
import { countryKey } from './countries.ts';
import { fold, withoutAffixes } from './fold.ts';
import { participant, remembered } from './match.ts';
import type { Fault } from './quotes.ts';

/** Two clubs that meet at the first one's ground. */
export interface Pair {
  /** The same for every spelling: what matches of these two are grouped by. */
  pair: string;
  /** As the list of clubs has it, else as the source has it; '' where nothing tells. */
  country: string;
  /** Names of the list, else the source's own. */
  home: string;
  away: string;
}

interface Named {
  country: string;
  home: string;
  away: string;
}

interface Side {
  /** '' where several clubs have the name: then `who` has them all. */
  id: string;
  name: string;
  who: readonly Club[];
}

/**
 * Which clubs two names mean. Where the country is not told, it is the only one in which both names mean
 * somebody. Whatever may be two clubs is a fault: nobody guesses.
 */
export function createTeams(clubs: Clubs): (named: Named) => Pair | Fault {
  // Keys are `country|name`: a country has no bar once it is folded.
  const sideOf = remembered((key): Side => {
    const [country = '', ...rest] = key.split('|');
    const name = participant(rest.join('|'));
    const who = clubs.in(country, name);
    const [club, ...others] = who;
    if (others.length > 0) return { id: '', name, who };
    if (club === undefined) return { id: withoutAffixes(fold(name)) || name, name, who };
    return { id: fold(club.name), name: club.name, who };
  });
  const keyOf = remembered(countryKey);
  const countriesOf = remembered((name) => clubs.countriesOf(name));
  return ({ country, home, away }) => {
    let key = keyOf(country);
    if (key === '') {
      const theirs = countriesOf(away);
      const both = countriesOf(home).filter((one) => theirs.includes(one));
      if (both.length > 1) return severalCountries(home, away, both);
      key = both[0] ?? '';
    }
    const [us, them] = [sideOf(`${key}|${home}`), sideOf(`${key}|${away}`)];
    if (us.id === '') return severalClubs('home', us);
    if (them.id === '') return severalClubs('away', them);
    if (us.id === them.id) return sameClub(us, home, away);
    return {
      pair: `${key}|${us.id}|${them.id}`,
      country: clubs.countryName(key) ?? participant(country),
      home: us.name,
      away: them.name,
    };
  };
}

const said = (text: string): string => JSON.stringify(text);

function severalClubs(side: string, { name, who }: Side): Fault {
  return {
    code: 'AMBIGUOUS_CLUB',
    message:
      `The ${side} team ${said(name)} may be ${who.map((club) => club.name).join(' or ')}: ` +
      'write more of the name, or take it from all but one of them in the list of clubs.',
  };
}

function severalCountries(home: string, away: string, countries: readonly string[]): Fault {
  return {
    code: 'AMBIGUOUS_CLUB',
    message: `${said(home)} and ${said(away)} are clubs of ${countries.join(' and of ')}, and the row names no country: add a column that does.`,
  };
}

function sameClub({ name }: Side, home: string, away: string): Fault {
  return {
    code: 'SAME_TEAM',
    message: `${said(home)} and ${said(away)} are both ${name}: a match needs two clubs.`,
  };
}
