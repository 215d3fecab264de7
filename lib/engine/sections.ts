import { borrowMemory, returnMemory } from '../pool/spare-memory.ts';
import { type LineBlocks, newLineBlocks } from './digest-blocks.ts';
import { newHeldBytes } from './held-bytes.ts';
import { compress, type Trailer } from './part.ts';
import { type PartBytes, rawSection } from './read-part.ts';
import { newTextBytes } from './text-bytes.ts';

const SECTION_NUMBERS = [0, 1, 2] as const;

/** The sections of a part: what is compressed, and text that waits. */
export class Sections {
  readonly members: [Buffer[], Buffer[], Buffer[]];
  readonly outcomes = newTextBytes();
  readonly attempts = newTextBytes();
  readonly log = newTextBytes();
  readonly #texts = [this.outcomes, this.attempts, this.log] as const;
  // One by one members lived as long as their chunk, each as memory of its own.
  readonly #kept = newHeldBytes(borrowMemory);
  readonly #digests: Buffer[] = [];
  readonly #blocks: LineBlocks | undefined;
  readonly #gives: Trailer['gives'];
  #given = 0;

  /** @param gives told of each member of the outcomes */
  constructor(saved: PartBytes | undefined, gives: Trailer['gives']) {
    this.members = saved ? savedSections(saved) : [[], [], []];
    this.#gives = gives;
    // What is saved is not unpacked for it: the finaliser makes the blocks of the few parts that went on with a save.
    this.#blocks = saved ? undefined : newLineBlocks((digest) => this.#digests.push(digest));
  }

  /** SHA-256s of the blocks of the outcome lines that are compressed so far. */
  blocks(): string | undefined {
    if (this.#blocks === undefined) return undefined;
    const rest = this.#blocks.rest();
    return Buffer.concat(rest ? [...this.#digests, rest] : this.#digests).toString('base64');
  }

  give(items: number): void {
    this.#given += items;
  }

  /** Compresses what has so many bytes; with 1 all, and of each section one member at least, so that it unzips. */
  zip(least: number): void {
    for (const section of SECTION_NUMBERS) {
      const none = least === 1 && this.members[section].length === 0;
      if (none || this.#texts[section].length >= least) this.#zipOne(section);
    }
  }

  /** The members' memory is used again: nobody reads them any more. */
  close(): void {
    this.#kept.release().forEach(returnMemory);
  }

  #zipOne(section: 0 | 1 | 2): void {
    const { page, from, to } = this.#kept.copy(
      this.#texts[section].take((text) => {
        if (section === 0) this.#blocks?.update(text);
        return compress(text);
      }),
    );
    const member = (page.bytes as Buffer).subarray(from, to);
    this.members[section].push(member);
    if (section > 0) return;
    this.#gives?.push([member.length, this.#given]);
    this.#given = 0;
  }
}

const savedSections = (part: PartBytes): [Buffer[], Buffer[], Buffer[]] => [
  [Buffer.from(rawSection(part, 'outcomes'))],
  [Buffer.from(rawSection(part, 'attempts'))],
  [Buffer.from(rawSection(part, 'log'))],
];
