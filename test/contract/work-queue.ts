import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Message, WorkQueue } from '../../lib/ports/work-queue.ts';

export interface WorkQueueUnderTest {
  queue: WorkQueue;
  /** Lets time pass: virtual where the clock is. */
  pass(ms: number): Promise<void>;
  end?(): void | Promise<void>;
}

const message = (chunk: number): Message => ({
  v: 1,
  step: 'work',
  batch: 'b',
  round: 0,
  stage: 0,
  chunk,
});
const now = { max: 10, waitMs: 0, visibilityMs: 60_000 };

/** The queues that the tests send to and receive from. */
export const QUEUES = 'each other own delay far again late old wake due none'.split(' ');

export interface WorkQueueTestOptions {
  /** Each test has its own queue: on a real clock they can wait side by side. */
  concurrent: boolean;
  /** All short times are so many times longer, for a queue that counts in whole seconds (default 1). */
  stretch?: number;
}

/** What every work queue does. Times are 100 ms and more, so that a busy machine passes too. */
export function testWorkQueue(
  name: string,
  make: () => Promise<WorkQueueUnderTest>,
  { concurrent, stretch = 1 }: WorkQueueTestOptions,
): void {
  const ms = (time: number): number => time * stretch;
  describe(`${name} keeps the contract of a work queue`, { concurrent }, () => {
    let under: WorkQueueUnderTest;
    let queue: WorkQueue;
    const pass = (time: number): Promise<void> => under.pass(ms(time));
    beforeAll(async () => {
      under = await make();
      queue = under.queue;
    });
    afterAll(() => under.end?.());

    test('delivers each message once, by queue, at most `max` at a time', async () => {
      const sent = Array.from({ length: 25 }, (_, i) => ({ message: message(i) }));
      expect(await queue.send('each', sent)).toEqual([]);
      expect(await queue.receive('other', now)).toEqual([]);
      const chunks: (number | undefined)[] = [];
      for (;;) {
        const got = await queue.receive('each', now);
        if (got.length === 0) break;
        expect(got.length).toBeLessThanOrEqual(10);
        for (const one of got) {
          expect(one.receives).toBe(1);
          expect(one.message).toEqual(message(one.message.chunk ?? -1));
          chunks.push(one.message.chunk);
          await queue.ack('each', one.receipt);
        }
      }
      expect(chunks.sort((a = 0, b = 0) => a - b)).toEqual(sent.map((one) => one.message.chunk));
    });

    test('shares no message with its callers', async () => {
      const own = message(1);
      await queue.send('own', [{ message: own }]);
      own.chunk = 99;
      const [first] = await queue.receive('own', { ...now, visibilityMs: ms(100) });
      expect(first?.message.chunk).toBe(1);
      if (first) first.message.chunk = 98;
      await pass(300);
      expect((await queue.receive('own', now))[0]?.message.chunk).toBe(1);
    });

    test('holds a delayed message back, not the others', async () => {
      await queue.send('delay', [
        { message: message(1), delayMs: ms(400) },
        { message: message(2) },
      ]);
      expect((await queue.receive('delay', now)).map((one) => one.message.chunk)).toEqual([2]);
      await pass(100);
      expect(await queue.receive('delay', now)).toEqual([]);
      await pass(500);
      expect((await queue.receive('delay', now)).map((one) => one.message.chunk)).toEqual([1]);
    });

    test('takes delays up to 900,000 ms and refuses others', async () => {
      expect(await queue.send('far', [{ message: message(1), delayMs: 900_000 }])).toEqual([]);
      for (const delayMs of [900_001, -1, Number.NaN]) {
        await expect(queue.send('far', [{ message: message(1), delayMs }])).rejects.toThrow(
          /900000/,
        );
      }
    });

    test('delivers again what is not acknowledged, with the count', async () => {
      await queue.send('again', [{ message: message(1) }]);
      const [first] = await queue.receive('again', { ...now, visibilityMs: ms(200) });
      expect(await queue.receive('again', now)).toEqual([]);
      await pass(400);
      const [second] = await queue.receive('again', { ...now, visibilityMs: ms(200) });
      expect(second?.receives).toBe(2);
      expect(second?.receipt).not.toBe(first?.receipt);
      await pass(400);
      const [third] = await queue.receive('again', { ...now, visibilityMs: ms(200) });
      expect(third?.receives).toBe(3);
      await queue.ack('again', third?.receipt ?? '');
      await pass(400);
      expect(await queue.receive('again', now)).toEqual([]);
    });

    test('an acknowledgement after the time-out still counts while nobody else has the message', async () => {
      await queue.send('late', [{ message: message(1) }]);
      const [first] = await queue.receive('late', { ...now, visibilityMs: ms(100) });
      await pass(300);
      await queue.ack('late', first?.receipt ?? '');
      expect(await queue.receive('late', now)).toEqual([]);
    });

    test('an old receipt takes nothing from the one who works now', async () => {
      await queue.send('old', [{ message: message(1) }]);
      const [first] = await queue.receive('old', { ...now, visibilityMs: ms(100) });
      await pass(300);
      const [second] = await queue.receive('old', { ...now, visibilityMs: ms(300) });
      await queue.ack('old', first?.receipt ?? '');
      await queue.ack('old', first?.receipt ?? '');
      await queue.ack('old', 'no such receipt');
      await pass(600);
      const [third] = await queue.receive('old', now);
      expect([second?.receives, third?.receives]).toEqual([2, 3]);
    });

    test('a waiting receive wakes on a send, each message goes to one', async () => {
      const waits = [1, 2].map(() =>
        queue.receive('wake', { max: 1, waitMs: 600_000, visibilityMs: 9e5 }),
      );
      await pass(100);
      await queue.send('wake', [{ message: message(1) }, { message: message(2) }]);
      const got = (await Promise.all(waits)).flat();
      expect(got.map((one) => one.message.chunk).sort()).toEqual([1, 2]);
    });

    test('a waiting receive wakes when a delay or a visibility time-out ends', async () => {
      await queue.send('due', [{ message: message(1), delayMs: ms(200) }]);
      const wait = queue.receive('due', { max: 9, waitMs: 600_000, visibilityMs: ms(200) });
      await pass(400);
      expect((await wait).map((one) => one.receives)).toEqual([1]);
      const second = queue.receive('due', { max: 9, waitMs: 600_000, visibilityMs: 9e5 });
      await pass(400);
      expect((await second).map((one) => one.receives)).toEqual([2]);
    });

    test('a waiting receive ends with nothing after waitMs, and takes no message after that', async () => {
      const wait = queue.receive('none', { max: 1, waitMs: ms(100), visibilityMs: 9e5 });
      await pass(400);
      expect(await wait).toEqual([]);
      await queue.send('none', [{ message: message(1) }]);
      expect((await queue.receive('none', now)).map((one) => one.receives)).toEqual([1]);
    });
  });
}
