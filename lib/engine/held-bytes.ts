/** Memory that pieces were copied into; without bytes once it was given away. */
interface HeldPage {
  bytes: Buffer | undefined;
}

/** Bytes that were copied together: [from, to) of a page. */
export interface HeldLines {
  page: HeldPage;
  from: number;
  to: number;
}

/** As little as a page wastes at its end. */
const PAGE_BYTES = 256 * 1024;

/**
 * Copies pieces of blocks into pages outside the heap. As texts, the 6 MiB of a chunk were copied by the collections of the
 * young heap, and made the old one collect; and a slice of a text holds all of its block.
 */
export function newHeldBytes(newPage: (bytes: number) => Buffer) {
  const pages: HeldPage[] = [];
  let memory: Buffer | undefined;
  let used = 0;
  return {
    copy(bytes: Buffer, start = 0, end = bytes.length): HeldLines {
      const length = end - start;
      if (memory === undefined || used + length > memory.length) {
        memory = newPage(Math.max(PAGE_BYTES, length));
        pages.push({ bytes: memory });
        used = 0;
      }
      bytes.copy(memory, used, start, end);
      used += length;
      return { page: pages.at(-1) as HeldPage, from: used - length, to: used };
    },
    /** Gives the memory away: what was copied is there no more. */
    release(): Buffer[] {
      memory = undefined;
      return pages.splice(0).map((page) => {
        const { bytes } = page;
        page.bytes = undefined;
        return bytes as Buffer;
      });
    },
  };
}

/**
 * Pages that nobody uses, one list a thread. New memory for each chunk of groups became old with its chunk, and lay there until V8
 * collected the whole heap, which it does after 64 MB of it: a thread held 80 MB of it in place of 15 (215,054 matches of odds-markets).
 */
const spare: Buffer[] = [];
/** Two chunks of 6 MiB. */
const MOST_SPARE = 48;

export const borrowPage = (bytes: number): Buffer =>
  (bytes === PAGE_BYTES ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes);

export function returnPage(memory: Buffer): void {
  if (memory.length === PAGE_BYTES && spare.length < MOST_SPARE) spare.push(memory);
}
