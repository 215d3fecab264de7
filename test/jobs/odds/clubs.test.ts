import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_CLUBS } from '../../../lib/jobs/odds/built-in-clubs.ts';
import { parseClubList } from '../../../lib/jobs/odds/club-list.ts';
import { createClubs } from '../../../lib/jobs/odds/clubs.ts';
import { countryKey, divisionCountry } from '../../../lib/jobs/odds/countries.ts';
import { fold, withoutAffixes } from '../../../lib/jobs/odds/fold.ts';
import { LEAGUES } from '../../../lib/jobs/odds/sample-leagues.ts';
import { createTeams } from '../../../lib/jobs/odds/teams.ts';

const { SLUICE_DATA = '../shared/data' } = process.env;
const FRANCE = `${SLUICE_DATA}/odds/openfootball-clubs/europe/france/fr.clubs.txt`;

describe('names', () => {
  it.each([
    ['Saint-Étienne', 'saint etienne'],
    ["M'gladbach", 'mgladbach'],
    ['Nott’m Forest', 'nottm forest'],
    ['Brighton & Hove Albion', 'brighton and hove albion'],
    ['ŁKS Łódź', 'lks lodz'],
    ['Straßburg', 'strassburg'],
    ['BEŞİKTAŞ', 'besiktas'],
    ['Kasımpaşa', 'kasimpasa'],
    ['Malmo\u0308 FF', 'malmo ff'],
    ['Ｒeal  Madrid', 'real madrid'],
    ['1. FC Köln', '1 fc koln'],
    ['ЦСКА Москва', 'цска москва'],
    ['...', ''],
  ])('folds %s', (text, folded) => expect(fold(text)).toBe(folded));

  it.each([
    ['arsenal fc', 'arsenal'],
    ['fc barcelona', 'barcelona'],
    ['afc sunderland afc', 'sunderland'],
    ['leeds association football club', 'leeds'],
    ['1 fc koln', '1 fc koln'],
    ['fc', 'fc'],
    ['fc fc', 'fc'],
  ])('takes FC and the like off %s', (folded, bare) => expect(withoutAffixes(folded)).toBe(bare));
});

const LIST = `
# a remark
====================================
= England

== Greater London ==
Wimbledon FC (1889-2004), 1889,   London   ## remark
  | Wimbledon | Crazy Gang [en]
AFC Wimbledon, 2002, @ Kingsmeadow, London
 Kingston Road // an address
ii) Wimbledon Reserves

=  Germany • Deutschland
|
FC Bayern München, 1900
  |  Bayern |  FC Bayern Munich [en]
`;

describe('lists of clubs', () => {
  it('reads the form of openfootball', () => {
    expect(parseClubList(LIST, 'x')).toEqual([
      { country: 'England', name: 'Wimbledon FC', aliases: ['Wimbledon', 'Crazy Gang'] },
      { country: 'England', name: 'AFC Wimbledon', aliases: [] },
      { country: 'England', name: 'Wimbledon Reserves', aliases: [] },
      { country: 'Germany', name: 'FC Bayern München', aliases: ['Bayern', 'FC Bayern Munich'] },
    ]);
  });

  it.each([
    ['Arsenal FC\n', /^x, line 1: a club stands before the first heading: write '= <country>'/],
    ['= England\n\n  | Gunners\n', /^x, line 3: other names stand before the first club/],
    ['= •\n', /^x, line 1: the heading names no country/],
    ['= England\n, 1886\n', /^x, line 2: the club has no name/],
  ])('names the line that is wrong in %j', (text, message) =>
    expect(() => parseClubList(text, 'x')).toThrow(message),
  );
});

const builtIn = createClubs(BUILT_IN_CLUBS);

describe('the built-in clubs', () => {
  it('know each club of the sample leagues, and no two by one name', () => {
    const found = LEAGUES.flatMap(({ div, clubs }) => {
      const country = countryKey(divisionCountry(div) as string);
      return clubs.map((name) => [div, name, builtIn.in(country, name).map((club) => club.name)]);
    });
    expect(found.filter(([, , names]) => names?.length !== 1)).toEqual([]);
    expect(new Set(found.map(([div, , names]) => `${div?.slice(0, 1)}${names?.[0]}`)).size).toBe(
      386,
    );
  });

  it('have no name twice', () => {
    const twice = BUILT_IN_CLUBS.flatMap(({ country, name, aliases }) =>
      [name, ...aliases].filter((text) => builtIn.in(countryKey(country), text).length !== 1),
    );
    expect(twice).toEqual([]);
  });
});

describe('teams', () => {
  const teamsOf = createTeams(builtIn);
  const england = (home: string, away: string) => teamsOf({ country: 'England', home, away });

  it.each([
    ['Man United', 'QPR', 'Manchester Utd.', 'Queens Park Rangers FC'],
    ['  Nott’m  Forest', 'Cardiff', 'NOTTINGHAM FOREST', 'Cardiff City'],
    // No list has these: they are the same by the rules alone.
    ['AFC Nowhere', 'Sömewhere Town', 'Nowhere FC', 'somewhere-town'],
  ])('%s - %s are %s - %s', (home, away, otherHome, otherAway) => {
    expect(england(home, away)).toMatchObject({ pair: expect.any(String) });
    expect(england(otherHome, otherAway)).toMatchObject({
      pair: (england(home, away) as { pair: string }).pair,
    });
  });

  it.each([
    ['Wimbledon', 'AFC Wimbledon'],
    ['Dundee', 'Dundee Utd'],
    ['Paris SG', 'Paris FC'],
  ])('%s is not %s', (one, other) => {
    const country = { Wimbledon: 'England', Dundee: 'Scotland', 'Paris SG': 'France' }[
      one
    ] as string;
    const pair = teamsOf({ country, home: one, away: other });
    expect(pair).toMatchObject({ pair: expect.any(String) });
  });

  it('is found without a country where only one has both, and kept apart from other countries', () => {
    expect(teamsOf({ country: '', home: 'Everton', away: 'Arsenal FC' })).toMatchObject({
      pair: 'england|everton fc|arsenal fc',
      country: 'England',
    });
    const chile = teamsOf({ country: 'Chile', home: 'Everton', away: 'Colo Colo' });
    expect(chile).toMatchObject({
      pair: 'chile|everton|colo colo',
      country: 'Chile',
      home: 'Everton',
    });
  });

  it('guesses nothing', () => {
    const two = createTeams(
      createClubs(BUILT_IN_CLUBS, [
        { country: 'France', name: 'Paris Saint-Germain', aliases: ['Paris'] },
        { country: 'France', name: 'Paris FC', aliases: ['Paris'] },
        { country: 'Uruguay', name: 'Arsenal de Montevideo', aliases: ['Arsenal'] },
        { country: 'Uruguay', name: 'Everton Montevideo', aliases: ['Everton'] },
      ]),
    );
    expect(two({ country: 'France', home: 'Lens', away: 'Paris' })).toEqual({
      code: 'AMBIGUOUS_CLUB',
      message:
        'The away team "Paris" may be Paris Saint-Germain or Paris FC: write more of the name, or take it from all but one of them in the list of clubs.',
    });
    expect(two({ country: '', home: 'Everton', away: 'Arsenal' })).toMatchObject({
      code: 'AMBIGUOUS_CLUB',
      message: expect.stringContaining('are clubs of england and of uruguay'),
    });
    expect(england('Man City', 'Manchester City')).toMatchObject({ code: 'SAME_TEAM' });
  });

  it.skipIf(!existsSync(FRANCE))('follow a list of openfootball (SLUICE_DATA)', () => {
    const own = parseClubList(readFileSync(FRANCE, 'utf8'), 'fr.clubs.txt');
    expect(own).toHaveLength(86);
    const french = createClubs(BUILT_IN_CLUBS, own);
    for (const { div, clubs } of LEAGUES) {
      if (!div.startsWith('F')) continue;
      for (const name of clubs) expect(french.in('france', name)).toHaveLength(1);
    }
    // Both lists have Caen, under names that differ: it stays one club, and has the name of the list given.
    expect(french.in('france', 'SM Caen').map(({ name }) => name)).toEqual(['Stade Malherbe Caen']);
    expect(french.in('france', 'Ajaccio').map(({ name }) => name)).toEqual(['AC Ajaccio']);
  });
});
