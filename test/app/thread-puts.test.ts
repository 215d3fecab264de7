import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openThreadAttempt, type ThreadPlace } from '../../lib/app/thread-attempt.ts';
import { newPuts } from '../../lib/app/thread-puts.ts';

const bytes = (size: number, fill: number): Uint8Array => new Uint8Array(size).fill(fill);

test('what goes before a part is taken with it, each as it was put', async () => {
  const puts = newPuts();
  await puts.put('shuffle', [bytes(3, 1), bytes(2, 2)]);
  await puts.put('part', [bytes(4, 3)]);
  expect(puts.take('part')).toEqual({
    body: bytes(4, 3),
    before: [{ key: 'shuffle', body: Uint8Array.of(1, 1, 1, 2, 2) }],
  });
  expect(() => puts.take('part')).toThrow('Part part was not made.');
});

test('a put that needs more memory leaves what was put before where it is', async () => {
  const puts = newPuts();
  await puts.put('small', [bytes(1000, 7)]);
  await puts.put('part', [bytes(9_000_000, 8)]);
  const { body, before } = puts.take('part');
  expect(before[0]?.body).toEqual(bytes(1000, 7));
  expect(body.length).toBe(9_000_000);
  expect(body.every((byte) => byte === 8)).toBe(true);
});

test("memory is another attempt's when its own is closed, not before; a save is over when the next is put", async () => {
  const one = newPuts();
  await one.put('save', [bytes(10, 1)]);
  const { body } = one.take('save');
  await one.put('part', [bytes(10, 2)]);
  const part = one.take('part').body;
  expect(part.buffer).toBe(body.buffer);
  const other = newPuts();
  await other.put('b', [bytes(10, 3)]);
  expect(part).toEqual(bytes(10, 2));
  one.close();
  const next = newPuts();
  await next.put('c', [bytes(10, 4)]);
  expect(next.take('c').body.buffer).toBe(part.buffer);
  expect(other.take('b').body).toEqual(bytes(10, 3));
});

test('of memory that is kept the oldest goes when parts get larger, or smaller', async () => {
  const made = async (size: number): Promise<ArrayBufferLike[]> => {
    const all = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const puts = newPuts();
        await puts.put('part', [bytes(size, 1)]);
        const { buffer } = puts.take('part').body;
        return { puts, buffer };
      }),
    );
    for (const { puts } of all) puts.close();
    return all.map(({ buffer }) => buffer);
  };
  await made(100_000);
  const large = await made(2_000_000);
  expect(new Set(await made(2_000_000))).toEqual(new Set(large));
  const small = await made(100_000);
  expect(small.every(({ byteLength }) => byteLength < 600_000)).toBe(true);
  expect(new Set(await made(100_000))).toEqual(new Set(small));
});

test('a thread is told that an attempt is over when its part is stored, not before', async () => {
  const part = { summary: { counts: {} }, body: bytes(1, 1), before: [] };
  const answers = { work: { cursor: 1, count: 1, state: 'go', part }, write: part } as never;
  const thread = {
    call: async ({ call: { op } }: { call: { op: string } }) => {
      asked.push(op);
      return answers[op as never];
    },
    allow: () => undefined,
    beat: () => 0,
    index: () => 0,
    end: async () => undefined,
    dead: false,
  };
  const asked: string[] = [];
  let released = false;
  let stored = (): void => undefined;
  const seat = {
    take: () => ({ thread, lane: 0 }) as unknown as ThreadPlace,
    release: () => {
      released = true;
    },
  };
  const attempt = openThreadAttempt(seat, {
    spec: {
      id: { batch: 'b', round: 0, stage: 0, chunk: 0 },
      epoch: 1,
      range: { count: 1 },
      careful: false,
    } as never,
    batch: { settings: { stages: [] } } as never,
    control: { state: () => 'go' },
    objects: {
      put: () =>
        new Promise<void>((resolve) => {
          stored = resolve;
        }),
    },
  });
  const written = attempt.write('part');
  await sleep(5);
  attempt.close();
  await sleep(5);
  expect({ asked, released }).toEqual({ asked: ['write'], released: false });
  stored();
  await written;
  await sleep(5);
  expect({ asked, released }).toEqual({ asked: ['write', 'close'], released: true });
});
