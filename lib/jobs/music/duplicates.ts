import type { FileTags } from './file-tags.ts';
import { fold, mainTitle } from './names.ts';

/** What a file of an album is. */
export interface Judged {
  file: FileTags;
  /** Path of the file that stays in its place. */
  duplicateOf?: string;
  /** copy: one size, and the same first and last bytes. recording: the same track and title, within 2 s of length. */
  duplicate?: 'copy' | 'recording';
  /** Why this file may be the same as another one, or not: nobody chose. */
  doubt?: Doubt;
}

/**
 * length: track and title of another file, but more than 2 s apart or of unknown length. place: the track number of
 * another title. number: title and length of another file, with another number or none.
 */
export type Doubt = 'length' | 'place' | 'number';

/** Two encodings of a recording differ by silence at the ends and by frames. */
const SAME_SECONDS = 2;

/**
 * Finds what an album has twice. Copies come first, then recordings: of files with one disc, track, title and length
 * the best bit rate stays, then the larger file, then the first. Whatever is less clear is kept, with a doubt.
 *
 * @param files of one album, in the order of the input
 */
export function judge(files: readonly FileTags[]): Judged[] {
  const judged = files.map((file): Judged => ({ file }));
  markCopies(judged);
  const left = judged.filter(({ duplicate }) => duplicate === undefined);
  for (const same of groupsOf(left, placeAndTitle)) markRecordings(same);
  const kept = left.filter(({ duplicate }) => duplicate === undefined);
  for (const same of groupsOf(kept, placeAndTitle)) doubt(same, 'length');
  for (const same of groupsOf(kept, place)) {
    if (new Set(same.map(({ file }) => titleOf(file))).size > 1) doubt(same, 'place');
  }
  for (const same of groupsOf(kept, ({ file }) => titleOf(file))) doubtNumbers(same);
  return judged;
}

const titleOf = ({ tags: { title } }: FileTags): string | undefined =>
  title === undefined ? undefined : fold(mainTitle(title));

/** An album of one disc often says nothing of it. */
const place = ({ file: { tags } }: Judged): string | undefined =>
  tags.track === undefined ? undefined : `${tags.disc ?? 1}.${tags.track}`;

function placeAndTitle(one: Judged): string | undefined {
  const at = place(one);
  const title = titleOf(one.file);
  return at === undefined || title === undefined ? undefined : `${at} ${title}`;
}

/** Those of two or more, in the order of their first; what has no key is in none. */
function groupsOf(
  judged: readonly Judged[],
  keyOf: (one: Judged) => string | undefined,
): Judged[][] {
  const groups = new Map<string, Judged[]>();
  for (const one of judged) {
    const key = keyOf(one);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

function markCopies(judged: readonly Judged[]): void {
  for (const copies of groupsOf(judged, ({ file }) => `${file.size} ${file.print}`)) {
    const [first, ...others] = copies as [Judged, ...Judged[]];
    for (const other of others) mark(other, first, 'copy');
  }
}

function mark(one: Judged, kept: Judged, duplicate: 'copy' | 'recording'): void {
  one.duplicate = duplicate;
  one.duplicateOf = kept.file.path;
}

/** From the shortest on: whoever is within 2 s of it is the same recording, the next one opens another. */
function markRecordings(same: readonly Judged[]): void {
  const timed = same
    .filter(({ file }) => file.tags.seconds !== undefined)
    .sort((a, b) => secondsOf(a) - secondsOf(b));
  let from = 0;
  while (from < timed.length) {
    const shortest = secondsOf(timed[from] as Judged);
    let to = from + 1;
    while (to < timed.length && secondsOf(timed[to] as Judged) - shortest <= SAME_SECONDS) to += 1;
    const together = new Set(timed.slice(from, to));
    const best = same.filter((one) => together.has(one)).reduce(better);
    for (const one of together) if (one !== best) mark(one, best, 'recording');
    from = to;
  }
}

const secondsOf = ({ file }: Judged): number => file.tags.seconds ?? 0;

/** Of two in the order of the input. */
function better(a: Judged, b: Judged): Judged {
  const rates = (b.file.tags.bitRate ?? 0) - (a.file.tags.bitRate ?? 0);
  if (rates !== 0) return rates > 0 ? b : a;
  return b.file.size > a.file.size ? b : a;
}

function doubt(same: readonly Judged[], why: Doubt): void {
  for (const one of same) one.doubt ??= why;
}

function doubtNumbers(same: readonly Judged[]): void {
  const timed = same
    .filter(({ file }) => file.tags.seconds !== undefined)
    .sort((a, b) => secondsOf(a) - secondsOf(b));
  for (let i = 1; i < timed.length; i++) {
    const [a, b] = [timed[i - 1] as Judged, timed[i] as Judged];
    if (secondsOf(b) - secondsOf(a) <= SAME_SECONDS) doubt([a, b], 'number');
  }
}
