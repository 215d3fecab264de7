import { describe, expect, it } from 'vitest';
import { brief, newWorld } from '../support/world.ts';

describe('a killer among others that run in the same process', () => {
  it.each([
    // Chunks that run at the same time: each has an item named when the process dies.
    ['slow ones beside it', 4, 'setTimeout(go, 300)'],
    // One slot: the chunk before it is named while its part is being written.
    ['one before it, not yet committed', 1, 'setImmediate(go)'],
  ])(
    'fails alone: %s',
    async (_name, workers, wait) => {
      const world = newWorld();
      world.write(
        'job.ts',
        `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'killer', input: ndjson(), limits: { chunk: 3, workers: ${workers}, concurrency: 1 },
  async process(row: any) {
    if (row === 4) { await new Promise((go) => setTimeout(go, ${workers === 1 ? 0 : 100})); process.exit(7); }
    await new Promise((go) => ${wait});
    return ok(row);
  },
});
`,
      );
      world.write('input.jsonl', Array.from({ length: 12 }, (_, n) => `${n}\n`).join(''));
      const codes: (number | null)[] = [];
      while (codes.length < 12 && codes.at(-1) !== 2) {
        codes.push((await world.cli(['run', 'job.ts', 'input.jsonl', '--quiet'])).code);
      }
      expect(codes.at(-1)).toBe(2);
      expect(codes.length).toBeLessThanOrEqual(6);
      expect(brief(world.outcomes())).toEqual(
        Array.from({ length: 12 }, (_, n) => (n === 4 ? '4 failed CRASHED' : `${n} ok ${n}`)),
      );
    },
    60_000,
  );
});
