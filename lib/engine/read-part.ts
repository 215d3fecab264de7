import { gunzip, gunzipSync } from 'node:zlib';
import { SluiceError } from '../core/errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { FOOT_BYTES, SECTIONS, type Section, type Trailer } from './part.ts';

/** Where the sections of a part lie, [start, end) by name. */
export type Sections = Record<Section, { start: number; end: number }>;

/** The lengths in a part's foot. Throws `DAMAGED` when there is none or they do not add up. */
export function sectionsOf(name: string, foot: Uint8Array, size: number): Sections {
  const lengths = footLengths(foot);
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

function footLengths(foot: Uint8Array): number[] | undefined {
  try {
    const { sluice, bytes } = JSON.parse(gunzipSync(foot).toString()) as {
      sluice?: string;
      bytes?: number[];
    };
    const whole = Array.isArray(bytes) && bytes.length === SECTIONS.length;
    return sluice === 'part/1' && whole && bytes.every(Number.isSafeInteger) ? bytes : undefined;
  } catch {
    return undefined;
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

/** A section is about 1 MB unpacked; by Node's default of 16 KiB it comes back in 80 callbacks. */
const UNZIP_BYTES = 128 * 1024;

/** Decompressed off the main thread. */
export async function unzipSection(name: string, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gunzip(bytes, { chunkSize: UNZIP_BYTES }, (error, text) => {
      if (error)
        reject(
          new SluiceError('DAMAGED', `Part ${name} is damaged: ${error.message}.`, {
            cause: error,
          }),
        );
      else resolve(text);
    });
  });
}

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
