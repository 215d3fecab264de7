import type { Club } from './club-list.ts';
import { CONTINENT } from './club-names.ts';
import { BRITAIN } from './club-names-britain.ts';

/**
 * Clubs of football-data.co.uk's leagues: the name in use, and spellings that rules alone do not lead to it,
 * those of football-data.co.uk first. One that is found without a word of it (`Arsenal`) needs no line.
 */
export const BUILT_IN_CLUBS: readonly Club[] = Object.entries({ ...BRITAIN, ...CONTINENT }).flatMap(
  ([country, text]) =>
    text
      .trim()
      .split(/\s*[;\n]\s*/)
      .map((line): Club => {
        const [name = '', ...aliases] = line.split('|').map((part) => part.trim());
        return { country, name, aliases };
      }),
);
