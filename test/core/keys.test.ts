import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as keys from '../../lib/core/keys.ts';

const stage = { batch: 'b', round: 3, stage: 1 };
const chunk = { ...stage, chunk: 12_345 };
const sha256 = '0123456789abcdef0123456789abcdef';

/** What is stored under them outlives this version: another spelling would lose every batch there is. */
describe('keys are spelled', () => {
  it('of records', () => {
    expect([
      keys.batchKey('b'),
      keys.liveKey('b'),
      keys.endedRoundKey('b', 3),
      keys.runnerKey('b'),
      keys.stageKey(stage),
      keys.chunkKey(chunk),
      keys.tallyKey(stage, keys.tallyOf(chunk.chunk)),
    ]).toEqual([
      { batch: 'b', sort: 'B' },
      { batch: 'live', sort: 'b' },
      { batch: 'b', sort: 'E0003' },
      { batch: 'b', sort: 'R' },
      { batch: 'b', sort: 'S0003/01' },
      { batch: 'b', sort: 'C0003/01/000012345' },
      { batch: 'b', sort: 'T0003/01/0000123' },
    ]);
  });

  it('of objects', () => {
    expect([
      keys.inputKey('b'),
      keys.spoolKey('b', 2, 17),
      keys.spoolIndexKey('b', 2),
      keys.partKey(chunk, 4),
      keys.savedKey(chunk, 4, 2),
      keys.jobKey('b'),
      keys.roundJobKey({ id: 'b', round: 0, digest: sha256 }),
      keys.roundJobKey({ id: 'b', round: 3, digest: sha256 }),
      keys.retryListKey('b', 3, sha256),
      keys.reportKey('b', 3, 'report.json'),
    ]).toEqual([
      'batches/b/input.json',
      'batches/b/spool/00002/000017',
      'batches/b/spool/00002/index.json',
      'batches/b/r3/parts/1/012345-4.gz',
      'batches/b/r3/saved/1/012345-4-2.gz',
      'batches/b/job.mjs',
      'batches/b/job.mjs',
      'batches/b/r3/job-0123456789abcdef.mjs',
      'batches/b/r3/retry-0123456789abcdef.jsonl',
      'batches/b/r3/report.json',
    ]);
  });
});

it('chunks and tallies sort as their numbers do, and a prefix finds its objects (property)', () => {
  const number = fc.nat(999_999);
  fc.assert(
    fc.property(number, number, fc.integer({ min: 1, max: 99 }), (a, b, epoch) => {
      const order = Math.sign(a - b);
      const orderOf = (one: string, two: string): number => (one < two ? -1 : one > two ? 1 : 0);
      const sort = (n: number): string => keys.chunkKey({ ...stage, chunk: n }).sort;
      expect(orderOf(sort(a), sort(b))).toBe(order);
      expect(orderOf(keys.tallyKey(stage, a).sort, keys.tallyKey(stage, b).sort)).toBe(order);
      const part = keys.partKey({ ...stage, chunk: a }, epoch);
      expect(part.startsWith(keys.partsPrefix(stage))).toBe(true);
      expect(orderOf(part, keys.partKey({ ...stage, chunk: b }, epoch))).toBe(order);
      const saved = keys.savedKey({ ...stage, chunk: a }, epoch, 1);
      expect(saved.startsWith(keys.savedPrefix(stage))).toBe(true);
    }),
  );
});
