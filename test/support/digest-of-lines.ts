import { createHash } from 'node:crypto';

const sha = (bytes: string | Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** The outcomes digest as it is defined: of each stage's lines, 1,000 at a time. */
export function digestOfLines(stages: readonly string[]): string {
  const blocks = stages.flatMap((text) => {
    const lines = text.split('\n').slice(0, -1);
    const count = Math.ceil(lines.length / 1000);
    return Array.from({ length: count }, (_, at) =>
      sha(
        lines
          .slice(1000 * at, 1000 * (at + 1))
          .map((line) => `${line}\n`)
          .join(''),
      ),
    );
  });
  return sha(Buffer.concat(blocks)).toString('hex');
}
