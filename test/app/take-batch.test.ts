import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Home, openHome } from '../../lib/app/home.ts';
import { runBatch } from '../../lib/app/run-batch.ts';
import { runnerKey } from '../../lib/core/keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-take-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const JOB = `
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'steady',
  input: ndjson(),
  limits: { concurrency: 1, workers: 1, chunk: 2 },
  async process(row) {
    await new Promise((go) => setTimeout(go, 100));
    return ok(row);
  },
});`;

const pass = (ms: number): Promise<void> => new Promise((go) => setTimeout(go, ms));

/** As a process that found the lease over because the other one was stopped: it takes the runner record. */
const seize = (home: Home, id: string, lease: number): Promise<unknown> =>
  home.store.change(runnerKey(id), { when: [], set: { owner: 'elsewhere/1/1/1', lease } });

test('a process that lost the runner lease stops, follows, and goes on when it may', async () => {
  const home = await openHome(join(folder, 'home'));
  const other = await openHome(join(folder, 'home'));
  writeFileSync(join(folder, 'job.ts'), JOB);
  writeFileSync(
    join(folder, 'rows.ndjson'),
    Array.from({ length: 120 }, (_, i) => `${i}\n`).join(''),
  );
  try {
    const followed: number[] = [];
    let id = '';
    const run = runBatch(home, {
      job: join(folder, 'job.ts'),
      inputs: [join(folder, 'rows.ndjson')],
      onBatch: (batch) => {
        id = batch.id;
      },
      onProgress: ({ slots, state }) => {
        // A follower works nothing: it has no slots.
        if (slots === 0) followed.push(state.doneItems);
      },
    });
    while (id === '') await pass(20);
    await pass(500);
    await seize(other, id, Date.now() + 60_000);
    // Renewals are due each 5 s: it may take one more to see that the lease is another's.
    for (let tries = 0; tries < 150 && followed.length < 4; tries += 1) await pass(100);
    expect(followed.length).toBeGreaterThanOrEqual(4);
    // Nothing of it goes on while it follows.
    expect(new Set(followed.slice(-2)).size).toBe(1);
    expect(followed.at(-1)).toBeLessThan(120);
    await seize(other, id, 0);
    const { batch, driven } = await run;
    expect([driven, batch.status]).toEqual(['ended', 'done']);
  } finally {
    await home.close();
    await other.close();
  }
}, 40_000);
