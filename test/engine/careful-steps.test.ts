import { describe, expect, it } from 'vitest';
import { applyChange, type StoredRecord } from '../../lib/core/change.ts';
import { savedKey } from '../../lib/core/keys.ts';
import { CRASHED, lastChance, workCarefully } from '../../lib/engine/careful.ts';
import type { Attempt, ControlState, Engine } from '../../lib/engine/engine.ts';
import { newRowSaver } from '../../lib/engine/save-rows.ts';
import type { Claimed } from '../../lib/engine/work-chunk.ts';

const ID = { batch: 'b', round: 0, stage: 0, chunk: 4 };
const EPOCH = 5;

interface Play {
  /** Fields of the chunk record as it was claimed. */
  record: StoredRecord;
  count?: number;
  /** Items before this one are done already, by saved rows. */
  cursor?: number;
  /** Ms that each item takes. */
  itemMs?: number;
  /** Looks at the control that say go; then it says this. */
  halt?: { after: number; state: ControlState };
  /** The attempt says this instead of go once it comes to this item. */
  stops?: { at: number; state: ControlState };
  /** Changes of the chunk record that are refused, by their number. */
  refused?: number[];
}

/** All that one careful attempt does, in order, and what it answers. */
async function played({ record: fields, count = 3, cursor = 0, itemMs = 0, ...play }: Play) {
  const did: string[] = [];
  let record: StoredRecord = { epoch: EPOCH, attempts: 2, cursor, ...fields };
  let [at, now, changes, looks] = [cursor, 0, 0, 0];
  const attempt: Attempt = {
    async work(until) {
      if (until > at) did.push(`work ${at}-${until - 1}`);
      while (at < until) {
        if (play.stops?.at === at) return { cursor: at, count, state: play.stops.state };
        at += 1;
        now += itemMs;
      }
      return { cursor: at, count, state: 'go' };
    },
    async fail(error) {
      did.push(`fail ${at} ${error.code}`);
      at += 1;
    },
    notRun: () => Promise.reject(new Error('not asked for')),
    async write(key) {
      did.push(`write ${key.split('/').at(-1)} with ${at} rows`);
      return {
        bytes: 0,
        counts: { ok: at, skipped: 0, failed: 0, stalled: 0, notRun: 0 },
        codes: {},
        durations: { min: 0, max: 0, buckets: [] },
      };
    },
    close: () => undefined,
  };
  const engine = {
    clock: { monotonic: () => now },
    store: {
      async change(_key: unknown, change: Parameters<typeof applyChange>[1]) {
        changes += 1;
        const after = play.refused?.includes(changes) ? undefined : applyChange(record, change);
        const set = change.set ?? {};
        const name = set['named'] === undefined ? '' : ` name ${set['named']} x${set['starts']}`;
        const part = set['part'] === undefined ? '' : ` save ${set['cursor']}`;
        did.push(`${after === undefined ? 'refused' : 'stored'}${part}${name}`);
        record = after ?? record;
        return { applied: after !== undefined, record: after, retried: false };
      },
    },
    objects: {
      async delete(key: string) {
        did.push(`delete ${key.split('/').at(-1)}`);
      },
    },
  } as unknown as Engine;
  const claimed = { id: ID, epoch: EPOCH, record, range: { count } } as unknown as Claimed;
  const control = {
    state(): ControlState {
      looks += 1;
      return play.halt !== undefined && looks > play.halt.after ? play.halt.state : 'go';
    },
  };
  const saver = newRowSaver(engine, claimed);
  const answer = await workCarefully(engine, { claimed, attempt, control, saver });
  return { did, state: answer.state, record };
}

const saved = (save: number): string => savedKey(ID, EPOCH, save).split('/').at(-1) as string;

describe('a careful attempt', () => {
  it('names each item before it runs, and saves nothing while it is quick', async () => {
    const { did, state } = await played({ record: {} });
    expect(did).toEqual([
      ...['stored name 0 x1', 'work 0-0', 'stored name 1 x1', 'work 1-1', 'stored name 2 x1'],
      'work 2-2',
    ]);
    expect(state).toBe('go');
  });

  it('saves after 200 ms and names the next in the same change, but not after the last', async () => {
    const { did, record } = await played({ record: {}, itemMs: 100, count: 4 });
    expect(did).toEqual([
      ...['stored name 0 x1', 'work 0-0', 'stored name 1 x1', 'work 1-1'],
      ...[`write ${saved(1)} with 2 rows`, 'stored save 2 name 2 x1', 'work 2-2'],
      ...['stored name 3 x1', 'work 3-3'],
    ]);
    expect(record).toMatchObject({ cursor: 2, attempts: 0, part: savedKey(ID, EPOCH, 1) });
  });

  it('does not save one millisecond before that', async () => {
    const { did } = await played({ record: {}, itemMs: 199, count: 2 });
    expect(did.filter((one) => one.startsWith('write'))).toEqual([]);
  });

  it('counts the 200 ms from the last save, and removes the rows that it replaces', async () => {
    const { did } = await played({ record: {}, itemMs: 150, count: 6 });
    expect(did.filter((one) => !one.startsWith('work'))).toEqual([
      ...['stored name 0 x1', 'stored name 1 x1'],
      ...[`write ${saved(1)} with 2 rows`, 'stored save 2 name 2 x1', 'stored name 3 x1'],
      ...[`write ${saved(2)} with 4 rows`, 'stored save 4 name 4 x1', `delete ${saved(1)}`],
      'stored name 5 x1',
    ]);
  });

  it('after more than four deaths without progress saves every item', async () => {
    const { did } = await played({ record: { attempts: 5 }, count: 2 });
    expect(did).toEqual([
      ...['stored name 0 x1', 'work 0-0', `write ${saved(1)} with 1 rows`],
      ...['stored save 1 name 1 x1', 'work 1-1'],
    ]);
    const four = await played({ record: { attempts: 4 }, count: 2 });
    expect(four.did.filter((one) => one.startsWith('write'))).toEqual([]);
  });
});

describe('an item that was named when an attempt died', () => {
  it('runs again after what ran through before, and keeps its count of deaths', async () => {
    const { did } = await played({ record: { named: 1, starts: 2 } });
    expect(did).toEqual([
      ...['work 0-0', `write ${saved(1)} with 1 rows`, 'stored save 1 name 1 x3', 'work 1-1'],
      ...['stored name 2 x1', 'work 2-2'],
    ]);
  });

  it('at the cursor is named without a save', async () => {
    const { did } = await played({ record: { named: 1, starts: 1 }, cursor: 1 });
    expect(did.slice(0, 3)).toEqual(['stored name 1 x2', 'work 1-1', 'stored name 2 x1']);
  });

  it('fails alone after three deaths, and what follows it is named with no deaths', async () => {
    const { did, record } = await played({ record: { named: 1, starts: 3 } });
    expect(did).toEqual([
      ...['work 0-0', 'fail 1 CRASHED', `write ${saved(1)} with 2 rows`, 'stored save 2'],
      ...['stored name 2 x1', 'work 2-2'],
    ]);
    expect(record).toMatchObject({ cursor: 2, named: 2 });
    expect(CRASHED).toMatchObject({ kind: 'crashed', code: 'CRASHED' });
    expect(CRASHED.message).toContain('ended its worker');
  });

  it('and that is the last: the attempt has nothing more to run', async () => {
    const { did, state, record } = await played({ record: { named: 2, starts: 3 }, cursor: 2 });
    expect(did).toEqual(['fail 2 CRASHED', `write ${saved(1)} with 3 rows`, 'stored save 3']);
    expect(state).toBe('go');
    expect(record['named']).toBe(undefined);
  });

  it('behind the cursor is nobody any more', async () => {
    const { did } = await played({ record: { named: 0, starts: 3 }, cursor: 1 });
    expect(did[0]).toBe('stored name 1 x1');
  });

  it('is not run up to unnamed when attempts die again and again, unless it is at the cursor', async () => {
    const ahead = await played({ record: { named: 2, starts: 2, attempts: 5 } });
    expect(ahead.did[0]).toBe('stored name 0 x1');
    const at = await played({ record: { named: 1, starts: 3, attempts: 5 }, cursor: 1 });
    expect(at.did[0]).toBe('fail 1 CRASHED');
  });

  it('has its last chance after two deaths', () => {
    expect([1, 2, 3].map((starts) => lastChance({ named: 7, starts }))).toEqual([
      undefined,
      7,
      undefined,
    ]);
    expect(lastChance({})).toBe(undefined);
  });
});

describe('a careful attempt ends', () => {
  it.each(['pause', 'cancel', 'drain', 'lost'] as const)(
    '%s: before the next item',
    async (state) => {
      const answer = await played({ record: {}, halt: { after: 1, state } });
      expect(answer).toMatchObject({ state, did: ['stored name 0 x1', 'work 0-0'] });
    },
  );

  it.each(['pause', 'drain', 'lost'] as const)('%s: in an item', async (state) => {
    const named = await played({ record: {}, stops: { at: 1, state } });
    expect(named).toMatchObject({ state });
    expect(named.did.at(-1)).toBe('work 1-1');
    const again = await played({ record: { named: 2, starts: 1 }, stops: { at: 1, state } });
    expect(again).toMatchObject({ state, did: ['work 0-1'] });
  });

  it.each<[string, Play, string]>([
    ['it names', { record: {}, refused: [1] }, 'refused name 0 x1'],
    ['it saves', { record: {}, itemMs: 200, refused: [2] }, 'refused save 1 name 1 x1'],
    ['it blames', { record: { named: 1, starts: 3 }, refused: [1] }, 'refused save 2'],
    [
      'it names anew',
      { record: { named: 1, starts: 1 }, refused: [1] },
      'refused save 1 name 1 x2',
    ],
  ])(
    'lost when the chunk is no longer its own where %s, and removes nothing',
    async (_what, play, last) => {
      const { did, state } = await played(play);
      expect(state).toBe('lost');
      expect(did.at(-1)).toBe(last);
    },
  );

  it('removes no rows that a later attempt may read', async () => {
    const { did, state } = await played({ record: {}, itemMs: 200, refused: [3] });
    expect(state).toBe('lost');
    expect(did.filter((one) => one.startsWith('delete'))).toEqual([]);
  });
});
