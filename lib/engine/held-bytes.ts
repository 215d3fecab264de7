/** Bytes that were copied together: [from, to) of a page. */
export interface HeldLines {
  page: Buffer;
  from: number;
  to: number;
}

/** As little as a page wastes at its end. */
const PAGE_BYTES = 256 * 1024;

/**
 * Copies pieces of blocks into pages outside the heap. As texts, the 6 MiB of a chunk were copied by the collections of the
 * young heap, and made the old one collect; and a slice of a text holds all of its block.
 */
export function newHeldBytes(newPage: (bytes: number) => Buffer = Buffer.allocUnsafeSlow) {
  const pages: Buffer[] = [];
  let used = 0;
  return {
    copy(bytes: Buffer, start = 0, end = bytes.length): HeldLines {
      const length = end - start;
      let page = pages.at(-1);
      if (page === undefined || used + length > page.length) {
        page = newPage(Math.max(PAGE_BYTES, length));
        pages.push(page);
        used = 0;
      }
      bytes.copy(page, used, start, end);
      used += length;
      return { page, from: used - length, to: used };
    },
    /** Gives the pages away: nobody reads what was copied any more. */
    release: (): Buffer[] => pages.splice(0),
  };
}
