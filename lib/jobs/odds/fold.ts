/** Letters that Unicode does not take apart into a base letter and a mark. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
};
const OWN_LETTERS = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'g');

/**
 * A name as it is compared: lower case, no accents, no punctuation, single blanks between words.
 * An apostrophe joins (`M'gladbach` is `mgladbach`), any other sign parts (`Saint-Étienne` is `saint etienne`).
 */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(OWN_LETTERS, (letter) => LETTERS[letter] as string)
    .replace(/['’‘`´]/g, '')
    .replaceAll('&', ' and ')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** Words that say only that it is a football club. */
const AFFIX =
  /^(?:afc|fc|cf|association football club|football club) | (?:afc|fc|cf|association football club|football club)$/;

/** A folded name without such words before and behind it; they stay where nothing else would be left. */
export function withoutAffixes(folded: string): string {
  let name = folded;
  // Each pass takes a word off, so there are fewer passes than letters.
  while (AFFIX.test(name)) name = name.replace(AFFIX, '');
  return name;
}
