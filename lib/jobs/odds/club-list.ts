/** One club of a list. */
export interface Club {
  /** As the list's heading has it: `England`. */
  country: string;
  /** The name that outcomes have. */
  name: string;
  /** Other spellings. */
  aliases: readonly string[];
}

/** A year or years behind a name: `(1870-2009)`, `(-1992)`. */
const YEARS = /\s*\(\s*(?:\d{4})?\s*-?\s*(?:\d{4})?\s*\)\s*$/;
/** Language of a name: `Bayern Munich [en]`. */
const LANGUAGE = /\s*\[[a-z-]{2,8}\]\s*$/;
/** Before a second team: `ii) Bayern München II`. */
const TEAM = /^[ivx]+\)\s*/;

/**
 * Reads a list of clubs in the form of openfootball's clubs.txt:
 *
 *     = England
 *     Manchester United FC, 1878, @ Old Trafford, Manchester   ## remark
 *       | Man United | Man Utd
 *
 * `= Country` begins a country (`== Region ==` says nothing here), a line at the margin a club, `|` its other
 * names. Further lines that are set in (addresses) and what follows `#` are passed over.
 *
 * @param from what a message calls the list
 * @throws Error that names the list and the line
 */
export function parseClubList(text: string, from: string): Club[] {
  const clubs: (Club & { aliases: string[] })[] = [];
  let country = '';
  for (const [at, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const said = line.replace(/#.*$/, '').trimEnd();
    const content = said.trim();
    if (content === '' || /^=+$/.test(content)) continue;
    const say = (what: string) => new Error(`${from}, line ${at + 1}: ${what}`);
    if (content.startsWith('=')) {
      if (!/^=[^=]/.test(content)) continue;
      country = nameOf(content.slice(1).split(/[•=]/)[0] as string);
      if (country === '') throw say("the heading names no country: write '= England'.");
    } else if (content.startsWith('|')) {
      const club = clubs.at(-1);
      if (club === undefined) throw say('other names stand before the first club.');
      club.aliases.push(
        ...content
          .split('|')
          .map(nameOf)
          .filter((name) => name !== ''),
      );
    } else if (said === said.trimStart()) {
      if (country === '') {
        throw say(
          "a club stands before the first heading: write '= <country>' above it, as openfootball's clubs.txt has it.",
        );
      }
      const name = nameOf((content.split(',')[0] as string).replace(TEAM, ''));
      if (name === '') throw say('the club has no name before its first comma.');
      clubs.push({ country, name, aliases: [] });
    }
  }
  return clubs;
}

const nameOf = (text: string): string =>
  text.trim().replace(LANGUAGE, '').replace(YEARS, '').replace(/\s+/g, ' ').normalize('NFC').trim();
