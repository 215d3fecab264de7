import { createHash } from 'node:crypto';
import { CHUNKS_PER_TALLY, partKey, type StageId, tallyKey, tallyOf } from '../core/keys.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Remotes } from '../core/poll.ts';
import type { AttemptFacts } from '../core/report.ts';
import { markName } from '../core/transitions.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Trailer } from './part.ts';
import { getPart, type PartBytes, rawSection, trailerOf, unzipSection } from './read-part.ts';

/** A committed part, named by its mark: never by the chunk's epoch, never by listing. */
export interface PartName {
  stage: number;
  chunk: number;
  epoch: number;
  key: string;
}

/** The parts of chunks 0..chunks-1 in index order. Throws when one has no mark. */
export async function* committedParts(
  store: CheckpointStore,
  id: StageId,
  chunks: number,
): AsyncGenerator<PartName> {
  for (let tally = 0; tally <= tallyOf(Math.max(chunks - 1, 0)); tally += 1) {
    const marks = await store.read(tallyKey(id, tally));
    const first = tally * CHUNKS_PER_TALLY;
    for (let chunk = first; chunk < Math.min(first + CHUNKS_PER_TALLY, chunks); chunk += 1) {
      const epoch = marks?.[markName(chunk)] as number | undefined;
      if (epoch === undefined)
        throw new Error(`Chunk ${chunk} of batch ${id.batch} is not committed.`);
      yield { stage: id.stage, chunk, epoch, key: partKey({ ...id, chunk }, epoch) };
    }
  }
}

export interface ReadPart extends PartName {
  /** Rows of its stage in the parts before it. */
  before: number;
  /** Index of its first item: of groups, which do not know it, as many as stand in the parts before. */
  first: number;
  part: PartBytes;
  trailer: Trailer;
  /** SHA-256 of the whole object. */
  sha256: string;
}

/** A part with its outcomes unpacked. */
export interface LoadedPart extends ReadPart {
  outcomes: Buffer;
}

/** Parts read and unpacked while the ones before are used: 8 ahead keep two cores busy with 20 MB in memory. */
const AHEAD = 8;

/** From a stage's first part on: what stands before a part is counted here. */
export async function* readParts(
  objects: ObjectStore,
  names: AsyncIterable<PartName>,
): AsyncGenerator<ReadPart> {
  let before = { stage: -1, items: 0 };
  const reading = mapOrdered(names, AHEAD, async (name) => {
    const part = await getPart(objects, name.key);
    return { ...name, part, trailer: trailerOf(name.key, part), sha256: sha256(part.bytes) };
  });
  for await (const read of reading) {
    const { stage, trailer } = read;
    if (stage !== before.stage) before = { stage, items: 0 };
    yield { ...read, before: before.items, first: trailer.first ?? before.items };
    before.items += trailer.items;
  }
}

/** The outcomes of those parts whose lines are asked for. */
export const unpackWhere = (
  parts: AsyncIterable<ReadPart>,
  wanted: (part: ReadPart) => boolean,
): AsyncGenerator<UnpackedPart> =>
  mapOrdered(parts, AHEAD, async (part) => (wanted(part) ? unpacked(part) : part));

export const loadParts = (
  objects: ObjectStore,
  names: AsyncIterable<PartName>,
): AsyncGenerator<LoadedPart> => mapOrdered(readParts(objects, names), AHEAD, unpacked);

const unpacked = async (part: ReadPart): Promise<LoadedPart> => ({
  ...part,
  outcomes: await unzipSection(part.key, rawSection(part.part, 'outcomes')),
});

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** What a failed item's attempts line keeps beside its facts. */
export interface Kept {
  /** Where the record stands in its source. */
  where?: string;
  record?: unknown;
  raw?: string;
  cut?: boolean;
  remotes?: Remotes;
  stack?: string;
  cause?: string;
}

export interface JoinedRow {
  outcome: Outcome;
  facts: AttemptFacts;
  kept: Kept | undefined;
}

/** A part whose outcomes are unpacked where its reader wanted them. */
export type UnpackedPart = ReadPart & Partial<Pick<LoadedPart, 'outcomes'>>;

/** Whether a part's attempts lines hold the outcomes of what failed: not of those that went on with a save, which may be older. */
export const tellsFailures = ({ trailer }: ReadPart): boolean => trailer.blocks !== undefined;

/**
 * The rows of a part: each outcome joined with its attempts line. `failedOnly` gives those that failed, and parses no
 * other line: parsing all of them cost a fifth of a batch (measured). It needs no outcomes where the part tells failures.
 */
export async function* joinedRows(
  { key, stage, first, part, outcomes }: Omit<UnpackedPart, 'trailer' | 'sha256' | 'before'>,
  { failedOnly = false }: { failedOnly?: boolean } = {},
): AsyncGenerator<JoinedRow> {
  const text = await unzipSection(key, rawSection(part, 'attempts'));
  const outcomeAt = outcomes && lineReader(outcomes);
  let head = { worker: '', at: 0 };
  let row = -1;
  for (const line of text.toString().split('\n')) {
    if (line === '') continue;
    const keeps = line.indexOf('{');
    if (keeps === 0) {
      head = JSON.parse(line) as typeof head;
      continue;
    }
    row += 1;
    if (failedOnly && keeps < 0) continue;
    const [tries, at, micros, kept, failure] = JSON.parse(line) as AttemptsLine;
    const own =
      outcomeAt === undefined ? failure : (JSON.parse(outcomeAt(row)) as Partial<Outcome>);
    // A group's line has no index.
    const outcome = { index: first + row, ...own } as Outcome;
    const facts = {
      tries,
      startedAt: head.at + at,
      durationMs: micros / 1000,
      worker: head.worker,
      ...(stage === 0 ? {} : { stage }),
    };
    yield { outcome, facts, kept };
  }
}

/** Of a failed item also what it keeps and its outcome. */
type AttemptsLine = [number, number, number, Kept?, Partial<Outcome>?];

const LF = 10;

/** Lines by number, asked for in ascending order: only those are made into text. */
function lineReader(bytes: Buffer): (line: number) => string {
  let [at, start] = [0, 0];
  return (line) => {
    for (; at < line; at += 1) start = bytes.indexOf(LF, start) + 1;
    const end = bytes.indexOf(LF, start);
    return bytes.toString('utf8', start, end === -1 ? bytes.length : end);
  };
}
