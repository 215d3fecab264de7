import { borrowMemory, returnMemory } from '../pool/spare-memory.ts';
import { compress, type Trailer } from './part.ts';
import { type PartBytes, rawSection } from './read-part.ts';
import { newTextBytes } from './text-bytes.ts';

const SECTION_NUMBERS = [0, 1, 2] as const;

/** The sections of a part: what is compressed, and text that waits. `gives` is told of each member of the outcomes. */
export function newSections(saved: PartBytes | undefined, gives: Trailer['gives']) {
  const members: [Buffer[], Buffer[], Buffer[]] = saved ? savedSections(saved) : [[], [], []];
  const texts = [newTextBytes(), newTextBytes(), newTextBytes()] as const;
  const kept = newKept();
  let given = 0;
  const zipOne = (section: 0 | 1 | 2): void => {
    const member = kept.copy(texts[section].take(compress));
    members[section].push(member);
    if (section > 0) return;
    gives?.push([member.length, given]);
    given = 0;
  };
  return {
    members,
    texts,
    give(items: number): void {
      given += items;
    },
    /** Compresses what has so many bytes; with 1 all, and of each section one member at least, so that it unzips. */
    zip(least: number): void {
      for (const section of SECTION_NUMBERS) {
        const none = least === 1 && members[section].length === 0;
        if (none || texts[section].length >= least) zipOne(section);
      }
    },
    /** The members' memory is used again: nobody reads them any more. */
    close: kept.close,
  };
}

/** Most parts fit into one. */
const PAGE_BYTES = 512 * 1024;

/** Members lie side by side in memory that is used again: one by one they lived as long as their chunk. */
function newKept() {
  let pages: Buffer[] = [];
  let used = 0;
  return {
    copy(bytes: Buffer): Buffer {
      let page = pages.at(-1);
      if (page === undefined || used + bytes.length > page.length) {
        page = borrowMemory(Math.max(PAGE_BYTES, bytes.length));
        pages.push(page);
        used = 0;
      }
      bytes.copy(page, used);
      used += bytes.length;
      return page.subarray(used - bytes.length, used);
    },
    close(): void {
      for (const page of pages) returnMemory(page);
      pages = [];
    },
  };
}

const savedSections = (part: PartBytes): [Buffer[], Buffer[], Buffer[]] => [
  [Buffer.from(rawSection(part, 'outcomes'))],
  [Buffer.from(rawSection(part, 'attempts'))],
  [Buffer.from(rawSection(part, 'log'))],
];
