import type { Club } from './club-list.ts';
import { countryKey } from './countries.ts';
import { fold, withoutAffixes } from './fold.ts';

/** Who a name may mean in a country's leagues: nobody that is known, one club, or several. */
export interface Clubs {
  /** @param country a `countryKey` */
  in(country: string, name: string): readonly Club[];
  /** Keys of the countries where the name means somebody. */
  countriesOf(name: string): readonly string[];
  /** A country's name by its key, as the lists write it; undefined where none has it. */
  countryName(country: string): string | undefined;
}

type Names = Map<string, Club[]>;
/** Clubs of one country by folded name, whole and without `FC` and the like. */
type Country = Record<'full' | 'bare', Names>;
type Index = ReadonlyMap<string, Country>;
const WAYS = ['full', 'bare'] as const;

/**
 * Finds clubs by name, first by the whole name and then without `FC` and the like: `Paris FC` is not taken
 * for `Paris`, where both are names. What `own` has goes first; `basic` leads to a club of `own` where one
 * of its names is there, so that two lists never make two clubs of one.
 */
export function createClubs(basic: readonly Club[], own: readonly Club[] = []): Clubs {
  const [basicIndex, ownIndex] = [indexed(basic), indexed(own)];
  const throughOwn = (country: string, club: Club): readonly Club[] => {
    for (const by of WAYS) {
      const found = namesOf(club, by).flatMap((name) => look(ownIndex, country, { name, by }));
      if (found.length > 0) return [...new Set(found)];
    }
    return [club];
  };
  const find = (country: string, text: string): readonly Club[] => {
    const full = fold(text);
    for (const by of WAYS) {
      const name = by === 'full' ? full : withoutAffixes(full);
      const found = look(ownIndex, country, { name, by });
      if (found.length > 0) return found;
      const known = look(basicIndex, country, { name, by });
      if (known.length > 0) return [...new Set(known.flatMap((club) => throughOwn(country, club)))];
    }
    return [];
  };
  const countryNames = new Map(
    [...basic, ...own]
      .filter(({ country }) => countryKey(country) === fold(country))
      .map(({ country }) => [countryKey(country), country]),
  );
  const countries = [...new Set([...basicIndex.keys(), ...ownIndex.keys()])];
  return {
    in: find,
    countriesOf: (name) => countries.filter((country) => find(country, name).length > 0),
    countryName: (country) => countryNames.get(country),
  };
}

interface Asked {
  name: string;
  by: keyof Country;
}

const look = (index: Index, country: string, { name, by }: Asked): readonly Club[] =>
  index.get(country)?.[by].get(name) ?? [];

/** What a club is called, folded. */
function namesOf({ name, aliases }: Club, by: keyof Country): string[] {
  const folded = [name, ...aliases].map(fold);
  return [...new Set(by === 'full' ? folded : folded.map(withoutAffixes))];
}

function indexed(clubs: readonly Club[]): Index {
  const index = new Map<string, Country>();
  for (const club of clubs) {
    const key = countryKey(club.country);
    const country = index.get(key) ?? { full: new Map(), bare: new Map() };
    index.set(key, country);
    for (const by of WAYS) {
      for (const name of namesOf(club, by)) {
        const known = country[by].get(name);
        if (known === undefined) country[by].set(name, [club]);
        else known.push(club);
      }
    }
  }
  return index;
}
