import { createHash } from 'node:crypto';
import type { WalkItem } from '../../core/discovery.ts';
import { SluiceError } from '../../core/errors.ts';
import { walkKey } from '../../core/keys.ts';
import type { Cut, RecordBlock } from '../../core/records.ts';
import type { Input } from '../../ports/input.ts';
import type { ObjectStore } from '../../ports/object-store.ts';

/** The last that a walk gave: it goes on behind it. */
export interface WalkPlace {
  /** Number of the root. */
  root: number;
  /** Below it, in bytes, a character each; the key of an object. */
  path: string;
  /** All that is below that path was given too. */
  whole?: true;
}

export interface WalkStep {
  item: WalkItem;
  /** Entries that were looked at for it. */
  entries: number;
  place: WalkPlace;
}

export interface WalkInputOptions {
  objects: ObjectStore;
  batch: string;
  /** Items of a chunk at most. */
  items: number;
  walk(after: WalkPlace | undefined): AsyncIterable<WalkStep>;
}

/** Files of a chunk: one part of about 1 MB. The first chunks are smaller, so that the next stage begins soon. */
const CHUNK_FILES = 10_000;
const FIRST_FILES = 1_000;
/** Entries that were looked at for a chunk, wanted or not. */
const CHUNK_ENTRIES = 100_000;

const filesOfChunk = (number: number): number =>
  Math.min(CHUNK_FILES, FIRST_FILES * 2 ** Math.min(number, 10));

/** `<objects>:<SHA-256 of the last>:<items so far>` */
const CURSOR = /^(\d+):([0-9a-f]{64}):(\d+)$/;

/** How an object of a walk begins and ends; between these lines an item a line. */
interface Head {
  sluice: 'walk/1';
  /** SHA-256 of the object before; null for the first. */
  after: string | null;
}
interface Foot {
  place: WalkPlace;
}

/**
 * An input whose items are what a walk finds. Each chunk's items are stored before its record is, with the place at which
 * the walk goes on; the record names the object by its SHA-256. So nobody walks again what is planned, and two planners
 * that saw different trees never mix what they saw.
 */
export function openWalkInput(options: WalkInputOptions): Input {
  let last: { cursor: string; sha256: string } | undefined;
  return {
    discovers: true,
    prepare: async () => undefined,
    fault: () => undefined,
    async *cuts(cursor) {
      for await (const { cut, sha256 } of walkedCuts(options, cursor)) {
        last = { cursor: cut.cursor, sha256 };
        yield cut;
      }
    },
    async digest(cursor) {
      return last?.cursor === cursor ? last.sha256 : chainDigest(options, cursor);
    },
    async *records({ source, walk = '', first, count }) {
      const { lines } = await readObject(options, source, walk);
      if (lines.length !== count)
        throw damaged(options, source, `has ${lines.length} of ${count} items`);
      const rows = lines.map((line) => JSON.parse(line) as unknown);
      yield { first, rows, raws: lines, errors: undefined } satisfies RecordBlock;
    },
  };
}

async function* walkedCuts(
  options: WalkInputOptions,
  cursor: string,
): AsyncGenerator<{ cut: Cut; sha256: string }> {
  let { number, sha256, first } = placeOf(cursor);
  const after =
    number === 0 ? undefined : (await readObject(options, number - 1, sha256 as string)).place;
  let open: string[] = [];
  let [files, entries] = [0, 0];
  let place: WalkPlace | undefined;
  const cut = async (): Promise<{ cut: Cut; sha256: string }> => {
    const head: Head = { sluice: 'walk/1', after: sha256 ?? null };
    const foot: Foot = { place: place as WalkPlace };
    const body = Buffer.from(
      `${[JSON.stringify(head), ...open, JSON.stringify(foot)].join('\n')}\n`,
    );
    const walk = sha256Of(body);
    await options.objects.put(walkKey(options.batch, number, walk), body);
    const range = { source: number, start: 0, end: body.length, first, count: open.length, walk };
    sha256 = walk;
    number += 1;
    first += open.length;
    open = [];
    [files, entries] = [0, 0];
    return { cut: { range, cursor: `${number}:${walk}:${first}` }, sha256: walk };
  };
  for await (const step of options.walk(after)) {
    open.push(JSON.stringify(step.item));
    files += filesIn(step.item);
    entries += step.entries;
    place = step.place;
    const full =
      open.length >= options.items || files >= filesOfChunk(number) || entries >= CHUNK_ENTRIES;
    if (full) yield await cut();
  }
  if (open.length > 0) yield await cut();
}

const filesIn = ({ files = [], objects = [] }: WalkItem): number =>
  files.reduce((sum, [, names]) => sum + names.length, objects.length);

function placeOf(cursor: string): { number: number; sha256: string | undefined; first: number } {
  if (cursor === '') return { number: 0, sha256: undefined, first: 0 };
  const found = CURSOR.exec(cursor);
  if (found === null) {
    throw new SluiceError('STATE', `${JSON.stringify(cursor)} is no cursor of a walk.`);
  }
  return { number: Number(found[1]), sha256: found[2] as string, first: Number(found[3]) };
}

/** The last object's digest, when each of them is what the one behind it says. */
async function chainDigest(options: WalkInputOptions, cursor: string): Promise<string> {
  const { number, sha256 } = placeOf(cursor);
  if (sha256 === undefined) return sha256Of(Buffer.alloc(0));
  let next: string | null = sha256;
  for (let at = number - 1; at >= 0; at -= 1) {
    next = (await readObject(options, at, next ?? '')).after;
  }
  return sha256;
}

async function readObject(
  options: WalkInputOptions,
  number: number,
  sha256: string,
): Promise<Head & Foot & { lines: string[] }> {
  const bytes = await options.objects.get(walkKey(options.batch, number, sha256));
  if (bytes === undefined) throw damaged(options, number, 'is missing');
  if (sha256Of(bytes) !== sha256) throw damaged(options, number, 'is not what was stored');
  const lines = Buffer.from(bytes).toString().split('\n');
  const head = JSON.parse(lines[0] as string) as Head;
  const foot = JSON.parse(lines.at(-2) as string) as Foot;
  return { ...head, ...foot, lines: lines.slice(1, -2) };
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const damaged = ({ batch }: WalkInputOptions, number: number, why: string): SluiceError =>
  new SluiceError('DAMAGED', `Piece ${number} of the walk of batch ${batch} ${why}.`, {
    hint: 'Bring it back from a copy, or start the batch again with --again.',
  });
