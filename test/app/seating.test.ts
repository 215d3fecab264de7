import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { newSeating, type Parallel } from '../../lib/app/seating.ts';
import { type StageSeats, stageSeats, threadsOf } from '../../lib/app/stage-seats.ts';
import { LANES } from '../../lib/app/thread-wire.ts';
import type { Job } from '../../lib/core/job.ts';
import type { Batch } from '../../lib/engine/batch.ts';
import { newSemaphore } from '../../lib/pool/semaphore.ts';

/** One stage that is CPU-bound, threads without any work, and answers of what is left that the test gives. */
function world({ workers, parallel = 'auto' }: { workers: number; parallel?: Parallel }) {
  const job = { name: 'any', cpu: true } as Job;
  const [stage] = stageSeats(job, { settings: { workers } } as Batch) as [StageSeats];
  const places = threadsOf([stage]) * LANES;
  const answers: ((ms: number | undefined) => void)[] = [];
  const { acquire } = newSemaphore(places);
  const seating = newSeating([stage], {
    pool: { places, acquire },
    parallel,
    remainingMs: () => new Promise((resolve) => answers.push(resolve)),
  });
  /** Where each attempt that asked for a seat has got one, in order. */
  const seats: { threaded: boolean; release(): void }[] = [];
  return {
    ...{ stage, places, seating, seats, questions: answers },
    take: () => void seating.take(stage).then((seat) => seats.push(seat)),
    takeAll: () => void seating.takeAll(stage).then((seat) => seats.push(seat)),
    /** All that was asked so far has this answer. */
    async answer(ms: number | undefined) {
      await turn();
      for (const tell of answers.splice(0)) tell(ms);
      await turn();
    },
    where: () => seats.map(({ threaded }) => (threaded ? 'thread' : 'main')),
  };
}

test('those that wait for the main thread go to threads once these are chosen', async () => {
  const { stage, take, answer, where, seats, seating, questions } = world({ workers: 2 });
  for (let at = 0; at < 3; at += 1) take();
  await answer(500);
  expect(where()).toEqual(['main']);
  void seating.ask();
  await answer(501);
  // The one on the main thread is one of the stage's workers, and no other waits in a lane.
  expect(where()).toEqual(['main', ...Array(stage.threadSlots - 1).fill('thread')]);
  seats[0]?.release();
  await turn();
  expect(where()).toEqual(['main', 'thread', 'thread']);
  expect(stage.inline.free).toBe(1);
  void seating.ask();
  await turn();
  expect(questions).toHaveLength(0);
});

test('the only worker of a stage is not at work in a thread as well', async () => {
  const { take, answer, where, seats, seating } = world({ workers: 1 });
  take();
  take();
  await answer(undefined);
  void seating.ask();
  await answer(9999);
  expect(where()).toEqual(['main']);
  seats[0]?.release();
  await turn();
  expect(where()).toEqual(['main', 'thread']);
});

test('nobody is asked where no attempt waits', async () => {
  const { take, answer, seating, questions } = world({ workers: 2 });
  take();
  await answer(undefined);
  await seating.ask();
  expect(questions).toHaveLength(0);
});

test('an attempt that takes every seat is alone, also where threads are chosen while it waits', async () => {
  const { take, takeAll, answer, where, seats, seating } = world({ workers: 2 });
  take();
  take();
  await answer(undefined);
  takeAll();
  void seating.ask();
  await answer(9999);
  let held = seats.length;
  for (let at = 0; at < 3; at += 1) {
    seats[at]?.release();
    await turn();
    held = seats.length - at - 1;
    expect(held).toBeLessThanOrEqual(1);
  }
  expect(held).toBe(0);
  expect(where().sort()).toEqual(['main', 'main', 'thread']);
});

test('off asks nobody, and works on the main thread', async () => {
  const { take, where, seats, questions, seating } = world({ workers: 2, parallel: 'off' });
  take();
  take();
  await turn();
  await seating.ask();
  expect(where()).toEqual(['main']);
  seats[0]?.release();
  await turn();
  expect(where()).toEqual(['main', 'main']);
  expect(questions).toHaveLength(0);
});
