import { type ByteFile, bounded, ReadLimit } from './byte-file.ts';
import { type Tags, tagsOf } from './tags.ts';

/** A tag with pictures is read as a whole: 32 MiB hold any that is not damaged. */
const BOUNDS = { bytes: 32 * 1024 * 1024, calls: 100_000 };

export interface LibraryOptions {
  /** Reads a file to its end where only that tells the duration; for comparisons. */
  wholeFile?: boolean;
}

/**
 * Reads tags with music-metadata (MIT), loaded on first use. Bounded by what it reads, not by the clock; what it throws
 * says what is wrong with the file.
 */
export async function readWithLibrary(
  file: ByteFile,
  mime: string,
  { wholeFile = false }: LibraryOptions = {},
): Promise<Tags> {
  const { parseBlob } = await import('music-metadata');
  const source = wholeFile ? file : bounded(file, BOUNDS);
  let limit: ReadLimit | undefined;
  // All that the library asks of a Blob: its size, its type, and slices of it.
  const blob = {
    size: file.size,
    type: mime,
    slice: (start: number, end: number) => ({
      arrayBuffer: async () => {
        try {
          return Uint8Array.from(source.at(start, end - start)).buffer;
        } catch (fault) {
          if (fault instanceof ReadLimit) limit = fault;
          throw fault;
        }
      },
    }),
  } as unknown as Blob;
  const { common, format } = await parseBlob(blob, { skipCovers: true, duration: wholeFile });
  // A reader that takes the end of what it may read for the end of the file has not read it.
  if (limit !== undefined) throw limit;
  if (format.codec === undefined && format.container === undefined) {
    throw new Error('there is no audio in it');
  }
  return tagsOf(common, format);
}
