import { type ByteFile, bounded, ReadLimit } from './byte-file.ts';
import { readFlac } from './flac.ts';
import type { Format } from './format.ts';
import { readMp4 } from './mp4.ts';
import { readMpeg } from './mpeg.ts';
import { readOgg } from './ogg.ts';
import type { Tags } from './tags.ts';
import { isUnsure } from './unsure.ts';

const READERS: Readonly<Record<Format, ((file: ByteFile) => Tags) | undefined>> = {
  mpeg: readMpeg,
  flac: readFlac,
  ogg: readOgg,
  mp4: readMp4,
  other: undefined,
};

/** What takes more is no usual file. */
const BOUNDS = { bytes: 2 * 1024 * 1024, calls: 10_000 };

/**
 * Reads the tags of a usual MP3, FLAC, Ogg Vorbis, Opus or M4A file by a few short reads: some fifty times as fast as
 * the library, and with the same result. Undefined where it is not sure of that.
 */
export function readFast(file: ByteFile, format: Format): Tags | undefined {
  const read = READERS[format];
  if (read === undefined) return undefined;
  try {
    return read(bounded(file, BOUNDS));
  } catch (fault) {
    // A number where the bytes end: damaged, or not as this reader thinks. The library says what it is.
    if (isUnsure(fault) || fault instanceof ReadLimit || fault instanceof RangeError) {
      return undefined;
    }
    throw fault;
  }
}
