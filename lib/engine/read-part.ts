import { gunzip, gunzipSync } from 'node:zlib';
import { SluiceError } from '../core/errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { FOOT_BYTES, SECTIONS, type Section, type Trailer } from './part.ts';

/** The newest parts that this code reads: 2 is a save with rows behind a gap, or with open polls. */
const PART_VERSION = 2;

/** Where the sections of a part lie, [start, end) by name. */
export type Sections = Record<Section, { start: number; end: number }>;

/** The lengths in a part's foot. Throws `DAMAGED` when there is none or they do not add up, `NEWER` for a newer one. */
export function sectionsOf(name: string, foot: Uint8Array, size: number): Sections {
  const lengths = footLengths(name, foot);
  const total = lengths?.reduce((sum, length) => sum + length, FOOT_BYTES);
  if (lengths === undefined || total !== size) {
    throw new SluiceError(
      'DAMAGED',
      `Part ${name} is damaged: ${lengths ? `its sections make ${total} bytes, it has ${size}` : 'its foot is missing'}.`,
    );
  }
  let start = 0;
  const sections = {} as Sections;
  for (const [at, section] of SECTIONS.entries()) {
    const end = start + (lengths[at] as number);
    sections[section] = { start, end };
    start = end;
  }
  return sections;
}

function footLengths(name: string, foot: Uint8Array): number[] | undefined {
  const { sluice, bytes } = footFacts(foot);
  const version = Number(/^part\/(\d+)$/.exec(String(sluice))?.[1]);
  if (version > PART_VERSION) {
    throw new SluiceError(
      'NEWER',
      `Part ${name} was written by a newer version of Sluice (part version ${version}, known: ${PART_VERSION}).`,
      { hint: 'Update this installation; nothing was changed.' },
    );
  }
  const whole = Array.isArray(bytes) && bytes.length === SECTIONS.length;
  return version >= 1 && whole && bytes.every(Number.isSafeInteger) ? bytes : undefined;
}

/** What a foot says, nothing when it is none. */
function footFacts(foot: Uint8Array): { sluice?: unknown; bytes?: unknown } {
  try {
    return (JSON.parse(gunzipSync(foot).toString()) ?? {}) as ReturnType<typeof footFacts>;
  } catch {
    return {};
  }
}

/** A part, or a saved prefix, held whole. */
export interface PartBytes {
  bytes: Uint8Array;
  sections: Sections;
}

export async function getPart(objects: ObjectStore, key: string): Promise<PartBytes> {
  const bytes = await objects.get(key);
  if (bytes === undefined) throw new SluiceError('DAMAGED', `Part ${key} is missing.`);
  const foot = bytes.subarray(Math.max(0, bytes.length - FOOT_BYTES));
  return { bytes, sections: sectionsOf(key, foot, bytes.length) };
}

/** One section of a part by range, without reading the rest. */
export async function getSection(
  objects: ObjectStore,
  key: string,
  section: Section,
): Promise<Uint8Array> {
  const [foot, size] = await Promise.all([
    objects.get(key, { last: FOOT_BYTES }),
    objects.size(key),
  ]);
  if (foot === undefined || size === undefined)
    throw new SluiceError('DAMAGED', `Part ${key} is missing.`);
  const { start, end } = sectionsOf(key, foot, size)[section];
  return (await objects.get(key, { start, end })) ?? new Uint8Array();
}

export const rawSection = ({ bytes, sections }: PartBytes, section: Section): Uint8Array =>
  bytes.subarray(sections[section].start, sections[section].end);

/**
 * How much comes back at a time. Odds outcomes unpack to four times their size or less, so they come in one piece:
 * in pieces of 128 KiB the finaliser of 300 such parts took 1.7 CPU-s instead of 1.3, and 15 MB more.
 */
const unzipBytes = (zipped: number): number =>
  Math.min(Math.max(4 * zipped, 64 * 1024), MOST_UNZIP_BYTES);
const MOST_UNZIP_BYTES = 2 * 1024 * 1024;

/** Handing so little to another thread costs more than unpacking it: 300 parts of 5 KB took 0.18 CPU-s, not 0.13. */
const UNZIP_HERE_BYTES = 16 * 1024;

/** Bytes that a single gzip member says it unpacks to (RFC 1952, ISIZE), and one more, by which zlib sees that it ends. */
export const memberBytes = (member: Uint8Array): number => {
  const { buffer, byteOffset, length } = member;
  const size = length < 4 ? 0 : new DataView(buffer, byteOffset).getUint32(length - 4, true);
  return Math.min(Math.max(size + 1, 64), MOST_UNZIP_BYTES);
};

/**
 * Decompressed off the main thread, unless it is small.
 * @param chunkSize memory that is taken at a time
 */
export async function unzipSection(
  name: string,
  bytes: Uint8Array,
  chunkSize = unzipBytes(bytes.length),
): Promise<Buffer> {
  if (bytes.length <= UNZIP_HERE_BYTES) {
    try {
      return gunzipSync(bytes, { chunkSize });
    } catch (error) {
      throw damaged(name, error as Error);
    }
  }
  return new Promise((resolve, reject) => {
    gunzip(bytes, { chunkSize }, (error, text) => {
      if (error) reject(damaged(name, error));
      else resolve(text);
    });
  });
}

const damaged = (name: string, cause: Error): SluiceError =>
  new SluiceError('DAMAGED', `Part ${name} is damaged: ${cause.message}.`, { cause });

/** Here and now: a trailer has about 1 KB, less than handing it to another thread costs. */
export function trailerOf(name: string, part: PartBytes): Trailer {
  try {
    return JSON.parse(gunzipSync(rawSection(part, 'trailer')).toString()) as Trailer;
  } catch (error) {
    throw new SluiceError('DAMAGED', `Part ${name} is damaged: its trailer cannot be read.`, {
      cause: error,
    });
  }
}
