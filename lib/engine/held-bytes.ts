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
export function newHeldBytes() {
  let page = Buffer.alloc(0);
  let used = 0;
  return {
    copy(bytes: Buffer, start: number, end: number): HeldLines {
      const length = end - start;
      if (used + length > page.length) {
        page = Buffer.allocUnsafeSlow(Math.max(PAGE_BYTES, length));
        used = 0;
      }
      bytes.copy(page, used, start, end);
      used += length;
      return { page, from: used - length, to: used };
    },
  };
}
