import { describe, expect, it } from 'vitest';
import { memoryClock } from '../../lib/adapters/memory/clock.ts';
import { newTimeOuts } from '../../lib/pool/time-outs.ts';

describe('time-outs under one timer', () => {
  it('come once, never early, late by a tick at most; those that are dropped never', async () => {
    const clock = memoryClock();
    let armed = 0;
    const after = (ms: number, call: () => void): void => {
      armed += 1;
      clock.after(ms, call);
    };
    const outs = newTimeOuts({ now: clock.monotonic, after }, 100);
    const zero = clock.monotonic();
    const came: { ms: number; at: number }[] = [];
    const of = (ms: number) => ({
      due: zero + ms,
      slot: -1,
      late: () => came.push({ ms, at: clock.monotonic() - zero }),
    });
    const dropped = of(250);
    for (const one of [of(2000), of(30), of(201), dropped]) outs.add(one);
    outs.drop(dropped);
    await clock.advance(5000);
    expect(came.map(({ ms }) => ms)).toEqual([30, 201, 2000]);
    for (const { ms, at } of came) expect(at - ms).toBeGreaterThanOrEqual(0);
    for (const { ms, at } of came) expect(at - ms).toBeLessThanOrEqual(100);
    // The timer stands still where nothing is open, and goes on with the next one.
    const before = armed;
    await clock.advance(5000);
    expect(armed).toBe(before);
    outs.add(of(10_050));
    await clock.advance(200);
    expect(came.at(-1)?.ms).toBe(10_050);
  });

  it('that end others, or are dropped twice, leave the rest in place', async () => {
    const clock = memoryClock();
    const outs = newTimeOuts(
      { now: clock.monotonic, after: (ms, call) => clock.after(ms, call) },
      100,
    );
    const due = clock.monotonic() + 50;
    const came: string[] = [];
    const second = { due, slot: -1, late: () => came.push('ended by the first') };
    const first = { due, slot: -1, late: () => outs.drop(second) };
    const third = { due, slot: -1, late: () => outs.add(fourth) };
    const fourth = { due: due + 200, slot: -1, late: () => came.push('fourth') };
    const gone = { due, slot: -1, late: () => came.push('dropped') };
    for (const one of [first, gone, second, third]) outs.add(one);
    outs.drop(gone);
    outs.drop(gone);
    await clock.advance(1000);
    expect(came).toEqual(['fourth']);
  });
});
