import { createHash, type Hash } from 'node:crypto';

/**
 * Outcome lines of a block. Chunks that are large have multiples of it as a rule, and begin and end with a block. To make a
 * Hash takes 48 µs, so with 100 lines a block it was a hundredth of the odds job (measured on a busy machine).
 */
export const BLOCK_LINES = 1000;

const DIGEST_BYTES = 32;
const LF = 10;

export interface LineBlocks {
  /** Whole lines. */
  update(lines: Uint8Array): void;
  /** The SHA-256 of what came since the last whole block, which can go on; undefined when that is nothing. */
  rest(): Buffer | undefined;
}

/** Gives the SHA-256 of each block of lines that come one after the other. */
export const newLineBlocks = (give: (digest: Buffer) => void): LineBlocks => new Blocks(give);

class Blocks implements LineBlocks {
  readonly #give: (digest: Buffer) => void;
  #block: Hash | undefined;
  #filled = 0;

  constructor(give: (digest: Buffer) => void) {
    this.#give = give;
  }

  update(lines: Uint8Array): void {
    let from = 0;
    for (let at = lines.indexOf(LF) + 1; at > 0; at = lines.indexOf(LF, at) + 1) {
      this.#filled += 1;
      if (this.#filled < BLOCK_LINES) continue;
      const block = this.#block ?? createHash('sha256');
      this.#give(block.update(lines.subarray(from, at)).digest());
      this.#block = undefined;
      this.#filled = 0;
      from = at;
    }
    if (from < lines.length) {
      this.#block ??= createHash('sha256');
      this.#block.update(lines.subarray(from));
    }
  }

  rest(): Buffer | undefined {
    return this.#block?.copy().digest();
  }
}

/** A part as the outcomes digest sees it. */
export interface DigestedPart {
  stage: number;
  /** Rows of its stage in the parts before it, and its own. */
  before: number;
  items: number;
  /** Its own blocks, counted from its first row; absent where an attempt went on with what another had saved. */
  blocks: Buffer | undefined;
  /** Nothing of its stage follows. */
  last: boolean;
}

/** Whether a part's blocks are blocks of its stage: otherwise its lines have to be read. */
export const hasOwnBlocks = ({ before, items, blocks, last }: DigestedPart): boolean =>
  before % BLOCK_LINES === 0 &&
  (last || items % BLOCK_LINES === 0) &&
  blocks?.length === Math.ceil(items / BLOCK_LINES) * DIGEST_BYTES;

/**
 * The outcomes digest: SHA-256 over the SHA-256s of each 1,000 outcome lines, counted in each stage from its first. It is the
 * same however the items were cut into chunks, and those who work a chunk make its blocks: to unpack and hash 2.6 GB of
 * outcomes once more took the finaliser 8 of the 48 s of 2,000,000 rows on two threads.
 */
export function newOutcomesDigest(): {
  /** The parts of a stage in order, stage by stage; `lines` of those that have no blocks of their own. */
  add(part: DigestedPart, lines: Uint8Array | undefined): void;
  hex(): string;
} {
  const whole = createHash('sha256');
  let open: { stage: number; blocks: LineBlocks } | undefined;
  const give = (digests: Buffer): void => void whole.update(digests);
  const close = (): void => {
    const rest = open?.blocks.rest();
    if (rest !== undefined) give(rest);
    open = undefined;
  };
  return {
    add(part, lines) {
      if (open?.stage !== part.stage) close();
      if (lines === undefined) {
        // Its first row begins a block, so what is open ended with one.
        close();
        give(part.blocks as Buffer);
        return;
      }
      open ??= { stage: part.stage, blocks: newLineBlocks(give) };
      open.blocks.update(lines);
    },
    hex() {
      close();
      return whole.digest('hex');
    },
  };
}
