import { describe, expect, it } from 'vitest';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import { newParking } from '../../lib/engine/parking.ts';
import type { Taken } from '../../lib/engine/record-source.ts';

const taken = (position: number): Taken =>
  ({ position, row: position, raw: '', error: undefined }) as unknown as Taken;

interface WorldOptions {
  rows?: number;
  concurrency?: number;
  again?: boolean;
  goes?: () => boolean;
  whole?: boolean;
  admits?: (taken: Taken) => boolean;
}

function parkingWorld({
  rows = 3,
  concurrency = 2,
  again = true,
  goes = () => true,
  whole = true,
  admits = () => true,
}: WorldOptions = {}) {
  const clock = memoryClock();
  const start = clock.now();
  const parking = newParking({ clock, concurrency, again, admits });
  let read = 0;
  const source = {
    next: async () => {
      if (read === rows) return { done: true as const, value: undefined };
      read += 1;
      return { done: false as const, value: taken(read - 1) };
    },
  };
  const pull = parking.pull(source, { goes, whole });
  const answers: (number | 'done')[] = [];
  const next = () =>
    pull().then(({ done, value }) => void answers.push(done ? 'done' : (value as Taken).position));
  return { clock, start, parking, next, answers };
}

describe('items that wait for their remotes', () => {
  it('are in flight: no new item begins while they and those that run are as many as may be', async () => {
    const { clock, start, parking, next, answers } = parkingWorld();
    await next();
    parking.begin();
    parking.park(taken(0), start + 60_000);
    parking.end();
    await next();
    parking.begin();
    void next();
    await clock.advance(10_000);
    expect(answers).toEqual([0, 1]);
    // One that ends makes room at once, though no time passes.
    parking.end();
    await clock.advance(0);
    expect(answers).toEqual([0, 1, 2]);
  });

  it('come before new ones once they are due, the one that is due first', async () => {
    const { clock, start, parking, next, answers } = parkingWorld({ rows: 1, concurrency: 4 });
    parking.park(taken(8), start + 900);
    parking.park(taken(7), start + 400);
    parking.park(taken(9), start);
    void next();
    await clock.advance(0);
    expect(answers).toEqual([9]);
    parking.begin();
    void next();
    await clock.advance(0);
    expect(answers).toEqual([9, 0]);
    void next();
    await clock.advance(399);
    expect(answers).toEqual([9, 0]);
    await clock.advance(1);
    expect(answers).toEqual([9, 0, 7]);
  });

  it('are waited for up to two seconds where nothing else is left; then the chunk is deferred to them', async () => {
    const near = parkingWorld({ rows: 0 });
    near.parking.park(taken(1), near.start + 2_000);
    void near.next();
    await near.clock.advance(2_000);
    expect(near.answers).toEqual([1]);
    expect(near.parking.deferredTo()).toBeUndefined();

    const far = parkingWorld({ rows: 0 });
    far.parking.park(taken(1), far.start + 2_001);
    far.parking.park(taken(2), far.start + 9_000);
    void far.next();
    await far.clock.advance(0);
    expect(far.answers).toEqual(['done']);
    expect(far.parking.deferredTo()).toBe(far.start + 2_001);
  });

  it('do not end an attempt while others run: these may leave more to wait for', async () => {
    const { clock, start, parking, next, answers } = parkingWorld({ rows: 1 });
    await next();
    parking.begin();
    parking.park(taken(5), start + 60_000);
    void next();
    await clock.advance(5_000);
    expect(answers).toEqual([0]);
    parking.end();
    await clock.advance(0);
    expect(answers).toEqual([0, 'done']);
    expect(parking.deferredTo()).toBe(start + 60_000);
  });

  it('are left to what comes behind them where the rows do not go to the end of the chunk', async () => {
    const { clock, start, parking, next, answers } = parkingWorld({ rows: 0, whole: false });
    parking.park(taken(1), start + 100);
    void next();
    await clock.advance(0);
    expect(answers).toEqual(['done']);
    expect(parking.deferredTo()).toBeUndefined();
  });

  it('do not come again where their groups went on without them; the chunk is deferred to the first', async () => {
    const { clock, start, parking, next, answers } = parkingWorld({ rows: 2, again: false });
    parking.park(taken(9), start - 1);
    for (let at = 0; at < 3; at += 1) void next();
    await clock.advance(0);
    expect(answers).toEqual([0, 1, 'done']);
    expect(parking.deferredTo()).toBe(start - 1);
  });

  it('end with the attempt: whoever waits for them is let go when nothing may go on', async () => {
    let goes = true;
    const { clock, start, parking, next, answers } = parkingWorld({ rows: 0, goes: () => goes });
    parking.park(taken(1), start + 1_500);
    void next();
    await clock.advance(100);
    goes = false;
    await clock.advance(500);
    expect(answers).toEqual(['done']);
  });

  it('of rows that are not to run now none counts as running', async () => {
    const { clock, next, answers } = parkingWorld({
      concurrency: 1,
      admits: (one) => one.position === 2,
    });
    void next();
    await clock.advance(0);
    expect(answers).toEqual([2]);
  });
});

describe('the end', () => {
  it('comes when the rows are out and nothing waits', async () => {
    const { next, answers, parking } = parkingWorld({ rows: 1 });
    await next();
    parking.begin();
    parking.end();
    await next();
    expect(answers).toEqual([0, 'done']);
    expect(parking.deferredTo()).toBeUndefined();
  });
});
