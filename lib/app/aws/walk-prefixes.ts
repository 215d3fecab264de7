import {
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { asking } from '../../adapters/aws/errors.ts';
import { compareUtf8 } from '../../core/compare-utf8.ts';
import type { FoundFile, WalkOptions } from '../../core/discovery.ts';
import type { SourcePin } from '../../core/records.ts';
import { type Matcher, newMatcher } from '../../io/walk/matcher.ts';
import type { WalkPlace, WalkStep } from '../../io/walk/walk-input.ts';
import { mapOrdered } from '../../pool/map-ordered.ts';

/** Objects of one item; one request lists as many ("ListObjectsV2", MaxKeys). */
const ITEM_OBJECTS = 1000;
/** Objects that are looked at before an item ends although it holds fewer, or none. */
const ITEM_ENTRIES = 100_000;
/** Ranges of keys that are listed side by side. */
const RANGES_AT_ONCE = 8;
/** Pages that a range may have before its turn: 8 ranges hold some 10 MB. */
const PAGES_AHEAD = 5;
/** So many folders are enough for ranges; below so many levels none are looked for. */
const ENOUGH_FOLDERS = 32;
const LEVELS = 3;

export interface WalkPrefixes {
  /** `s3://bucket/prefix` each. */
  roots: readonly SourcePin[];
  options: WalkOptions;
  /** Where an earlier walk ended. */
  after: WalkPlace | undefined;
}

/**
 * The objects below prefixes, prefix by prefix, in the order in which S3 lists them, the one of their keys' bytes. Ranges
 * of keys that begin at folders (common prefixes) are listed side by side; where they begin changes nothing.
 */
export async function* walkPrefixes(
  s3: S3Client,
  { roots, options, after }: WalkPrefixes,
): AsyncGenerator<WalkStep> {
  const matcher = newMatcher(options);
  for (let root = after?.root ?? 0; root < roots.length; root += 1) {
    const [, bucket = '', prefix = ''] = URL.exec(roots[root]?.name ?? '') ?? [];
    const from = after?.root === root ? after.path : '';
    const at = { s3, bucket, prefix };
    yield* pieces(objectsBelow(at, from), { at, root, matcher });
  }
}

const URL = /^s3:\/\/([^/]+)\/?(.*)$/s;

interface Root {
  s3: S3Client;
  bucket: string;
  prefix: string;
}

type Listed = NonNullable<ListObjectsV2CommandOutput['Contents']>;

async function* pieces(
  listed: AsyncIterable<Listed>,
  { at, root, matcher }: { at: Root; root: number; matcher: Matcher },
): AsyncGenerator<WalkStep> {
  const below = at.prefix.lastIndexOf('/') + 1;
  const wanted = wantedBy(matcher);
  let objects: FoundFile[] = [];
  let entries = 0;
  let place: WalkPlace = { root, path: '' };
  for await (const page of listed) {
    for (const { Key: key = '', Size: size = 0, ETag: etag = '', LastModified: time } of page) {
      entries += 1;
      place = { root, path: key };
      // A folder marker is no file.
      if (!key.endsWith('/') && wanted(key.slice(below))) {
        const path = `s3://${at.bucket}/${key}`;
        const mtime = time?.getTime() ?? 0;
        objects.push({ path, size, mtime, etag: etag.replaceAll('"', '') });
      }
      if (objects.length < ITEM_OBJECTS && entries < ITEM_ENTRIES) continue;
      yield { item: { objects }, entries, place };
      [objects, entries] = [[], 0];
    }
  }
  if (objects.length > 0) yield { item: { objects }, entries, place };
}

/** Keys come sorted: most lie in the folder of the one before. */
function wantedBy(matcher: Matcher): (path: string) => boolean {
  const entered = new Map<string, boolean>([['', true]]);
  const enters = (folder: string): boolean => {
    const known = entered.get(folder);
    if (known !== undefined) return known;
    const above = folder.slice(0, Math.max(0, folder.lastIndexOf('/')));
    const answer = enters(above) && matcher.folder(folder);
    if (entered.size > 1000) entered.clear();
    entered.set('', true).set(folder, answer);
    return answer;
  };
  return (path) => enters(path.slice(0, Math.max(0, path.lastIndexOf('/')))) && matcher.file(path);
}

/** Keys after `after` (exclusive), up to `end` (exclusive; undefined: to the last). */
interface Range {
  after: string;
  end: string | undefined;
}

async function* objectsBelow(root: Root, from: string): AsyncGenerator<Listed> {
  const borders = (await foldersOf(root)).filter((folder) => compareUtf8(folder, from) > 0);
  const starts = [from, ...borders];
  const ranges = starts.map((after, at): Range => ({ after, end: starts[at + 1] }));
  const first = mapOrdered(ranges, RANGES_AT_ONCE, async (range) => {
    const pages: Listed[] = [];
    let next: Range | undefined = range;
    for (let count = 0; count < PAGES_AHEAD && next !== undefined; count += 1) {
      const page: Page = await pageOf(root, next);
      pages.push(page.objects);
      next = page.next;
    }
    return { pages, next };
  });
  for await (const { pages, next } of first) {
    yield* pages;
    for (let rest = next; rest !== undefined; ) {
      const page = await pageOf(root, rest);
      yield page.objects;
      rest = page.next;
    }
  }
}

interface Page {
  objects: Listed;
  /** What is left of the range. */
  next: Range | undefined;
}

async function pageOf({ s3, bucket, prefix }: Root, { after, end }: Range): Promise<Page> {
  const page = await asking(`cannot list s3://${bucket}/${prefix}`, () =>
    s3.send(
      new ListObjectsV2Command({
        ...{ Bucket: bucket, Prefix: prefix },
        ...(after === '' ? {} : { StartAfter: after }),
      }),
    ),
  );
  const all = page.Contents ?? [];
  const beyond =
    end === undefined ? -1 : all.findIndex(({ Key: key = '' }) => compareUtf8(key, end) >= 0);
  if (beyond >= 0) return { objects: all.slice(0, beyond), next: undefined };
  const last = all.at(-1)?.Key;
  const more = page.IsTruncated === true && last !== undefined;
  return { objects: all, next: more ? { after: last, end } : undefined };
}

/** Some folders below the root, sorted: the first page of each level's listings tells of enough. */
async function foldersOf({ s3, bucket, prefix }: Root): Promise<string[]> {
  const all = new Set<string>();
  let level = [prefix];
  for (let depth = 0; depth < LEVELS && level.length > 0 && all.size < ENOUGH_FOLDERS; depth += 1) {
    const next: string[] = [];
    const look = (folder: string): Promise<ListObjectsV2CommandOutput> =>
      asking(`cannot list s3://${bucket}/${folder}`, () =>
        s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: folder, Delimiter: '/' })),
      );
    for await (const { CommonPrefixes: found = [] } of mapOrdered(level, RANGES_AT_ONCE, look)) {
      for (const { Prefix: folder = '' } of found) next.push(folder);
    }
    for (const folder of next) all.add(folder);
    level = next;
  }
  return [...all].sort(compareUtf8);
}
