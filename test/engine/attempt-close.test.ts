import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { systemClock } from '../../lib/adapters/local/clock.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { defineJob } from '../../lib/core/job.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { ok } from '../../lib/core/outcome.ts';
import type { Reader } from '../../lib/core/reader.ts';

import { openAttempt } from '../../lib/engine/attempt.ts';
import type { Attempt } from '../../lib/engine/engine.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { rowsInput } from '../support/memory-engine.ts';

const job = defineJob({
  name: 'texts',
  input: ndjson() as Reader<{ text: string }>,
  process: ({ text }) => ok(text),
});

const attemptOver = (text: string, objects: ObjectStore): Promise<Attempt> =>
  openAttempt(
    {
      clock: systemClock(),
      random: () => 0.5,
      usage: () => ({ cpuMs: 0, rssBytes: 0 }),
      objects,
      input: rowsInput(
        Array.from({ length: 50 }, () => ({ text })),
        50,
      ),
      job,
      settings: settingsOf(job, {}),
      options: {},
      secrets: {},
      now: 0,
      worker: 'w',
      process: 'p',
    },
    {
      id: { batch: 'b', round: 0, stage: 0, chunk: 0 },
      epoch: 1,
      range: { source: 0, start: 0, end: 50, first: 0, count: 50 },
      careful: false,
      cursor: 0,
      saved: undefined,
    },
    { state: () => 'go' },
  );

test('a put that is under way keeps its bytes when its attempt is closed, and the next one works', async () => {
  const objects = memoryObjectStore();
  let go = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  // As a client does that has to wait for its turn: the bytes are read later.
  const slow: ObjectStore = {
    ...objects,
    put: async (key, body) => {
      await held;
      await objects.put(key, body);
    },
  };
  const one = await attemptOver('one', slow);
  await one.work(50);
  const put = one.write('one');
  one.close();
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const text of ['two', 'three', 'four']) {
    const other = await attemptOver(text, objects);
    await other.work(50);
    await other.write(text);
    other.close();
  }
  go();
  await put;
  const part = (await objects.get('one')) as Uint8Array;
  expect(gunzipSync(part).toString()).toContain('"value":"one"');
  expect(gunzipSync(part).toString()).not.toContain('"value":"t');
});

test('a closed attempt writes nothing any more', async () => {
  const attempt = await attemptOver('late', memoryObjectStore());
  await attempt.work(50);
  attempt.close();
  await expect(attempt.write('late')).rejects.toThrow('The attempt is closed');
});
