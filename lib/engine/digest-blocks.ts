import { createHash } from 'node:crypto';

const BLOCK_BYTES = 8 * 1024 * 1024;

/**
 * SHA-256 over the SHA-256s of 8 MiB blocks: one that can stop and go on at any block, and that several
 * threads could share, unlike a plain SHA-256 of the whole.
 */
export function newBlockDigest(): { update(bytes: Uint8Array): void; hex(): string } {
  const whole = createHash('sha256');
  let block = createHash('sha256');
  let filled = 0;
  return {
    update(bytes) {
      let at = 0;
      while (at < bytes.length) {
        const piece = bytes.subarray(at, at + BLOCK_BYTES - filled);
        block.update(piece);
        filled += piece.length;
        at += piece.length;
        if (filled < BLOCK_BYTES) continue;
        whole.update(block.digest());
        block = createHash('sha256');
        filled = 0;
      }
    },
    hex() {
      if (filled > 0) whole.update(block.digest());
      return whole.digest('hex');
    },
  };
}
