import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/core/outcome.ts';
import { newWorld, parseLines } from '../support/world.ts';

/** Each item waits, and says when it ran and in which thread: by the wall clock, which threads share. */
const timedJob = (workers: number): string => `import { defineJob, ndjson, ok } from 'sluice';
import { threadId } from 'node:worker_threads';
const now = () => performance.timeOrigin + performance.now();
export default defineJob({
  name: 'timed', cpu: true, input: ndjson(), limits: { chunk: 5, workers: ${workers}, concurrency: 1 },
  async process() {
    const from = now();
    await new Promise((go) => setTimeout(go, 3));
    return ok({ from, to: now(), threadId });
  },
});
`;

interface Span {
  from: number;
  to: number;
  threadId: number;
}

/** Items that ran when another had begun and not ended. */
const overlaps = (spans: Span[]): number => {
  const sorted = [...spans].sort((a, b) => a.from - b.from);
  return sorted.filter((span, at) => at > 0 && span.from < (sorted[at - 1] as Span).to).length;
};

describe('an attempt that waits in a thread behind another', () => {
  it.each([1, 2])(
    'starts no item beside it: %i worker(s), 80 items in chunks of 5',
    async (workers) => {
      const world = newWorld();
      world.write('job.ts', timedJob(workers));
      world.write('input.jsonl', Array.from({ length: 80 }, (_, n) => `${n}\n`).join(''));
      const run = ['run', 'job.ts', 'input.jsonl', '--quiet', '--parallel', 'on'];
      expect((await world.cli(run)).code).toBe(0);
      const spans = parseLines<Outcome>(world.outcomes()).map(
        (outcome) => (outcome as { value?: unknown }).value as Span,
      );
      expect(spans).toHaveLength(80);
      const threads = new Set(spans.map(({ threadId }) => threadId));
      expect(threads.has(0)).toBe(false);
      expect(threads.size).toBeLessThanOrEqual(workers);
      for (const id of threads) {
        expect(overlaps(spans.filter(({ threadId }) => threadId === id))).toBe(0);
      }
    },
  );

  it('fails only the item that blocks the thread, and ends', async () => {
    const world = newWorld();
    world.write(
      'job.ts',
      `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'hang', cpu: true, input: ndjson(),
  limits: { chunk: 5, workers: 1, concurrency: 1, itemTimeout: '1s' },
  process(row: any) {
    while (row === 7) {}
    return ok(row);
  },
});
`,
    );
    world.write('input.jsonl', Array.from({ length: 40 }, (_, n) => `${n}\n`).join(''));
    const run = ['run', 'job.ts', 'input.jsonl', '--quiet', '--parallel', 'on'];
    expect((await world.cli(run)).code).toBe(2);
    const failed = parseLines<Outcome>(world.outcomes()).filter(({ status }) => status !== 'ok');
    expect(failed).toMatchObject([{ index: 7, status: 'failed', error: { code: 'CRASHED' } }]);
  }, 60_000);
});
