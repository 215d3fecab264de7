import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/core/outcome.ts';
import { newWorld, parseLines } from '../support/world.ts';

/** Each item waits, and says when it ran and in which thread: by the wall clock, which threads share. */
const timedJob = (
  workers: number,
  limits = 'chunk: 5',
  ms = 3,
): string => `import { defineJob, ndjson, ok } from 'sluice';
import { threadId } from 'node:worker_threads';
const now = () => performance.timeOrigin + performance.now();
export default defineJob({
  name: 'timed', cpu: true, input: ndjson(), limits: { ${limits}, workers: ${workers}, concurrency: 1 },
  async process() {
    const from = now();
    await new Promise((go) => setTimeout(go, ${ms}));
    return ok({ from, to: now(), threadId });
  },
});
`;

interface Span {
  from: number;
  to: number;
  threadId: number;
}

/** What the items of the last stage say. */
function spansOf(outcomes: string, items: number): Span[] {
  const values = parseLines<Outcome>(outcomes).map(
    (outcome) => (outcome as { value?: unknown }).value as Span,
  );
  const spans = values.filter((value) => value?.threadId !== undefined);
  expect(spans).toHaveLength(items);
  return spans;
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
      const spans = spansOf(world.outcomes(), 80);
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

/** Two stages that stream: the first gives ten items for each of its own, and the second works 3 ms on each. */
const streamingJob = (
  work: string,
): string => `import { defineJob, each, ndjson, ok } from 'sluice';
import { threadId } from 'node:worker_threads';
const now = () => performance.timeOrigin + performance.now();
const spin = () => {
  const from = now();
  while (now() < from + 3) ;
  return ok({ from, to: now(), threadId });
};
export default defineJob(
  { name: 'streaming', input: ndjson(), limits: { chunk: 2, workers: 1, concurrency: 1 } },
  each({ name: 'spread', process: () => ok.many(Array.from({ length: 10 }, (_, n) => n)) }),
  ${work}
);
`;

describe('threads under auto', () => {
  it('begin while a chunk is under way on the main thread, where others wait for it', async () => {
    const world = newWorld();
    // The first chunk takes 1.2 s; a third of that tells that threads pay, and a thread is there within 0.2 s.
    world.write('job.ts', timedJob(2, 'chunk: 60', 20));
    world.write('input.jsonl', Array.from({ length: 240 }, (_, n) => `${n}\n`).join(''));
    const run = ['run', 'job.ts', 'input.jsonl', '--quiet', '--parallel', 'auto'];
    expect((await world.cli(run)).code).toBe(0);
    const spans = spansOf(world.outcomes(), 240);
    const onMain = spans.filter(({ threadId }) => threadId === 0);
    expect(onMain).toHaveLength(60);
    expect(overlaps(onMain)).toBe(0);
    const first = Math.min(...spans.filter((one) => one.threadId > 0).map(({ from }) => from));
    expect(first).toBeLessThan(Math.max(...onMain.map(({ to }) => to)));
  });
});

describe('threads of a job of several stages', () => {
  it('begin under auto once a stage that streams was found to be long', async () => {
    const world = newWorld();
    world.write(
      'job.ts',
      streamingJob("each({ name: 'spin', cpu: true, limits: { chunk: 4 }, process: spin }),"),
    );
    world.write('input.jsonl', Array.from({ length: 30 }, (_, n) => `${n}\n`).join(''));
    const run = ['run', 'job.ts', 'input.jsonl', '--quiet', '--parallel', 'auto'];
    expect((await world.cli(run)).code).toBe(0);
    const spans = spansOf(world.outcomes(), 300);
    // It begins on the main thread, and never has more planned than 24 chunks of 12 ms: two windows.
    expect(spans[0]?.threadId).toBe(0);
    expect(spans.at(-1)?.threadId).not.toBe(0);
  });

  it('hold the workers of each stage, not those of the widest', async () => {
    const world = newWorld();
    world.write(
      'job.ts',
      streamingJob(
        "each({ name: 'wide', cpu: true, limits: { chunk: 10, workers: 2 }, process: (n) => ok(n) }),\n" +
          "each({ name: 'narrow', cpu: true, limits: { chunk: 10, workers: 1 }, process: spin }),",
      ),
    );
    world.write('input.jsonl', Array.from({ length: 10 }, (_, n) => `${n}\n`).join(''));
    const run = ['run', 'job.ts', 'input.jsonl', '--quiet', '--parallel', 'on'];
    expect((await world.cli(run)).code).toBe(0);
    const spans = spansOf(world.outcomes(), 100);
    expect(spans.every(({ threadId }) => threadId > 0)).toBe(true);
    expect(overlaps(spans)).toBe(0);
  });
});
