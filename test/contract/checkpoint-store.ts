import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyChange, type Change, holds, type StoredRecord } from '../../lib/core/change.ts';
import { chunkKey, liveKey, stageKey, tallyKey } from '../../lib/core/keys.ts';
import * as ofQuotas from '../../lib/core/quota-transitions.ts';
import * as ofRounds from '../../lib/core/round-transitions.ts';
import * as ofRunners from '../../lib/core/runner-transitions.ts';
import * as transitions from '../../lib/core/transitions.ts';
import type { CheckpointStore } from '../../lib/ports/checkpoint-store.ts';
import { testQuotas } from './quotas.ts';
import { anyChange } from './random-changes.ts';
import { TRANSITION_CASES } from './transition-cases.ts';

export interface CheckpointStoreUnderTest {
  store: CheckpointStore;
  end?(): Promise<void>;
}

/** Exports of transitions.ts that are no change. */
const HELPERS = ['isCancel', 'hasEnded', 'endOf', 'newStage', 'newChunk', 'markName', 'fenceName'];
const ALL = '\u{10ffff}';

/** What every checkpoint store does; `make` gives an empty one. */
export function testCheckpointStore(
  named: string,
  make: () => Promise<CheckpointStoreUnderTest>,
): void {
  describe(`${named} keeps the contract of a checkpoint store`, () => {
    let store: CheckpointStore;
    let under: CheckpointStoreUnderTest;
    let batches = 0;
    const freshBatch = (): string => {
      batches += 1;
      return `batch-${batches}`;
    };
    /** Writes a record as it is, in a batch of its own; undefined leaves it absent. */
    const given = async (record: StoredRecord | undefined) => {
      const key = { batch: freshBatch(), sort: 'B' };
      if (record) await store.change(key, { when: [], set: record });
      return key;
    };
    beforeAll(async () => {
      under = await make();
      store = under.store;
    });
    afterAll(() => under.end?.());

    test('the cases below cover every change of the protocol, and each clause of each', () => {
      const covered = new Set(TRANSITION_CASES.map((one) => one.of));
      expect([...covered].sort()).toEqual(
        Object.keys({ ...transitions, ...ofRounds, ...ofQuotas, ...ofRunners })
          .filter((one) => !HELPERS.includes(one))
          .sort(),
      );
      for (const { of, change, refused } of TRANSITION_CASES) {
        const failing = refused.map((record) =>
          change.when.flatMap((clause, i) => (holds(record, clause) ? [] : [i])),
        );
        expect([of, failing]).toEqual([of, change.when.map((_, i) => [i])]);
      }
    });

    for (const [i, one] of TRANSITION_CASES.entries()) {
      test(`${one.of} (${i}) applies where its condition holds`, async () => {
        const key = await given(one.before);
        const answer = await store.change(key, one.change);
        expect(answer).toEqual({ applied: true, record: one.after, retried: false });
        expect(await store.read(key)).toEqual(one.after);
        for (const record of one.applies ?? []) {
          const other = await given(record);
          expect((await store.change(other, one.change)).applied).toBe(true);
          expect(await store.read(other)).toEqual(applyChange(record, one.change));
        }
      });

      test(`${one.of} (${i}) is refused by each clause alone, and then changes nothing`, async () => {
        for (const record of [...one.refused, ...(one.alsoRefused ?? [])]) {
          const key = await given(record);
          const before = await store.read(key);
          const answer = await store.change(key, one.change);
          expect(answer).toEqual({ applied: false, record: undefined, retried: false });
          expect(await store.read(key)).toEqual(before);
        }
      });
    }

    test('does what a plain map does, whatever the sequence (property)', async () => {
      const step = fc.tuple(fc.constantFrom('B', 'C1', 'T1'), anyChange);
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
          const batch = freshBatch();
          const model = new Map<string, StoredRecord>();
          for (const [sort, change] of steps) {
            const next = applyChange(model.get(sort), change);
            const answer = await store.change({ batch, sort }, change);
            expect(answer).toEqual({ applied: next !== undefined, record: next, retried: false });
            if (next) model.set(sort, next);
          }
          const rows = [...model].map(([sort, record]) => ({ sort, record }));
          rows.sort((a, b) => (a.sort < b.sort ? -1 : 1));
          expect(await store.query(batch, '', ALL)).toEqual(rows);
          for (const { sort, record } of rows) {
            expect(await store.read({ batch, sort })).toEqual(record);
          }
        }),
        { numRuns: process.env['SLUICE_FULL'] ? 40 : 20 },
      );
    });

    testQuotas(() => store);

    test('of 100 racing commits of 10 marks exactly 10 apply', async () => {
      const key = tallyKey({ batch: freshBatch(), round: 0, stage: 0 }, 0);
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          store.change(key, transitions.commit(i % 10, 1, { ok: 7 })),
        ),
      );
      expect(answers.filter((answer) => answer.applied)).toHaveLength(10);
      const record = await store.read(key);
      expect(record).toMatchObject({ n: 10, ok: 70 });
      for (let i = 0; i < 10; i += 1) expect(record?.[transitions.markName(i)]).toBe(1);
    });

    test('of 50 racing claims one applies, and each winner saw its own epoch', async () => {
      const key = chunkKey({ batch: freshBatch(), round: 0, stage: 0, chunk: 3 });
      await store.change(key, transitions.putIfAbsent(transitions.newChunk({ first: 0 })));
      const claimAll = (now: number) =>
        Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            store.change(
              key,
              transitions.claim({
                owner: `worker-${i}-${now}`,
                now,
                lease: now + 30,
                cancelled: false,
                deadOwner: undefined,
              }),
            ),
          ),
        );
      for (const [turn, now] of [100, 200, 300].entries()) {
        const won = (await claimAll(now)).filter((answer) => answer.applied);
        expect(won.map((answer) => answer.record?.['epoch'])).toEqual([turn + 1]);
      }
    });

    test('a racing counter loses nothing', async () => {
      const key = { batch: freshBatch(), sort: 'B' };
      await Promise.all(
        Array.from({ length: 300 }, () => store.change(key, { when: [], add: { n: 1 } })),
      );
      expect(await store.read(key)).toEqual({ n: 300 });
    });

    test('queries a span with both ends, in the order of the sort keys', async () => {
      const batch = freshBatch();
      const sorts = [0, 1, 2, 9, 10, 11, 99, 100].map(
        (tally) => tallyKey({ batch, round: 0, stage: 1 }, tally).sort,
      );
      const others = [
        stageKey({ batch, round: 0, stage: 1 }).sort,
        tallyKey({ batch, round: 0, stage: 2 }, 0).sort,
        'B',
      ];
      for (const sort of [...sorts, ...others].reverse()) {
        await store.change({ batch, sort }, { when: [], set: { sort } });
      }
      await store.change(
        { batch: freshBatch(), sort: sorts[1] ?? '' },
        { when: [], set: { v: 1 } },
      );
      const found = await store.query(batch, sorts[1] ?? '', sorts[5] ?? '');
      expect(found).toEqual(sorts.slice(1, 6).map((sort) => ({ sort, record: { sort } })));
      expect((await store.query(batch, '', ALL)).map((one) => one.sort)).toEqual(
        [...sorts, ...others].sort(),
      );
      expect(await store.query(batch, 'x', 'a')).toEqual([]);
      expect(await store.query('no such batch', '', ALL)).toEqual([]);
    });

    test('forgets one batch, all of it, and only it; twice without an error', async () => {
      const [gone, kept] = [freshBatch(), freshBatch()];
      for (const batch of [gone, kept]) {
        for (const sort of ['B', 'R', 'S0']) {
          await store.change({ batch, sort }, { when: [], set: { v: 1 } });
        }
        await store.change(liveKey(batch), { when: [], set: { v: 1 } });
      }
      await store.forget(gone);
      await store.forget(gone);
      expect(await store.query(gone, '', ALL)).toEqual([]);
      expect(await store.read({ batch: gone, sort: 'B' })).toBeUndefined();
      expect(await store.read(liveKey(gone))).toBeUndefined();
      expect(await store.read(liveKey(kept))).toEqual({ v: 1 });
      expect(await store.query(kept, '', ALL)).toHaveLength(3);
      const again = await store.change(
        { batch: gone, sort: 'B' },
        transitions.putIfAbsent({ round: 0 }),
      );
      expect(again.applied).toBe(true);
    });

    test('cannot be altered through what was given or answered', async () => {
      const key = { batch: freshBatch(), sort: 'B' };
      const set: Record<string, string | number> = { v: 1, name: 'a' };
      const change: Change = { when: [], set };
      const answer = await store.change(key, change);
      set['name'] = 'b';
      const alter = (record: StoredRecord | undefined): void => {
        try {
          (record as Record<string, unknown>)['name'] = 'c';
        } catch (fault) {
          expect(fault).toBeInstanceOf(TypeError);
        }
      };
      alter(answer.record);
      alter(await store.read(key));
      alter((await store.query(key.batch, '', ALL))[0]?.record);
      expect(await store.read(key)).toEqual({ v: 1, name: 'a' });
      expect(await store.query(key.batch, '', ALL)).toEqual([
        { sort: 'B', record: { v: 1, name: 'a' } },
      ]);
    });

    test('keeps texts and numbers exactly', async () => {
      const record = {
        text: 'é😀 "quoted" \u0000 \n',
        empty: '',
        digits: '007',
        whole: 7,
        fraction: 0.1,
        large: Number.MAX_SAFE_INTEGER,
        time: 1_764_000_000_123.25,
        negative: -1.5e-9,
      };
      const key = await given(record);
      expect(await store.read(key)).toEqual(record);
    });

    test('refuses a number that is none, and keeps what was there', async () => {
      const key = await given({ n: 1 });
      for (const set of [{ n: Number.NaN }, { n: Number.POSITIVE_INFINITY }]) {
        await expect(store.change(key, { when: [], set })).rejects.toMatchObject({ code: 'STORE' });
      }
      await expect(
        store.change({ batch: 'nul\0', sort: 'B' }, { when: [], set: { n: 1 } }),
      ).rejects.toMatchObject({ code: 'STORE' });
      expect(await store.read(key)).toEqual({ n: 1 });
    });
  });
}
