import { borrowMemory, returnMemory } from '../pool/spare-memory.ts';
import { newLineBlocks } from './digest-blocks.ts';
import { newHeldBytes } from './held-bytes.ts';
import { compress, type Trailer } from './part.ts';
import { type PartBytes, rawSection } from './read-part.ts';
import { newTextBytes } from './text-bytes.ts';

const SECTION_NUMBERS = [0, 1, 2] as const;

/** The sections of a part: what is compressed, and text that waits. `gives` is told of each member of the outcomes. */
export function newSections(saved: PartBytes | undefined, gives: Trailer['gives']) {
  const members: [Buffer[], Buffer[], Buffer[]] = saved ? savedSections(saved) : [[], [], []];
  const texts = [newTextBytes(), newTextBytes(), newTextBytes()] as const;
  // One by one members lived as long as their chunk, each as memory of its own.
  const kept = newHeldBytes(borrowMemory);
  // What is saved is not unpacked for it: the finaliser makes the blocks of the few parts that went on with a save.
  const digests: Buffer[] = [];
  const blocks = saved ? undefined : newLineBlocks((digest) => digests.push(digest));
  let given = 0;
  const zipOne = (section: 0 | 1 | 2): void => {
    const { page, from, to } = kept.copy(
      texts[section].take((text) => {
        if (section === 0) blocks?.update(text);
        return compress(text);
      }),
    );
    const member = (page.bytes as Buffer).subarray(from, to);
    members[section].push(member);
    if (section > 0) return;
    gives?.push([member.length, given]);
    given = 0;
  };
  return {
    members,
    texts,
    /** SHA-256s of the blocks of the outcome lines that are compressed so far. */
    blocks(): string | undefined {
      const rest = blocks?.rest();
      return blocks && Buffer.concat(rest ? [...digests, rest] : digests).toString('base64');
    },
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
    close: (): void => kept.release().forEach(returnMemory),
  };
}

const savedSections = (part: PartBytes): [Buffer[], Buffer[], Buffer[]] => [
  [Buffer.from(rawSection(part, 'outcomes'))],
  [Buffer.from(rawSection(part, 'attempts'))],
  [Buffer.from(rawSection(part, 'log'))],
];
