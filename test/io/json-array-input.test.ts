import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { openInput } from '../../lib/io/input.ts';
import { jsonArray } from '../../lib/io/json-array.ts';
import { fileSource, pinFile } from '../../lib/io/local-file.ts';
import type { BoundSource } from '../../lib/io/source.ts';
import { stdinSource } from '../../lib/io/source.ts';
import type { Input } from '../../lib/ports/input.ts';
import { brief, newWorld } from '../support/world.ts';
import { cutsOf, recordsOf } from './reading.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-array-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function source(content: string | Uint8Array, name: string): Promise<BoundSource> {
  const path = join(folder, name);
  writeFileSync(path, content);
  return fileSource(await pinFile(path));
}

const inputOf = (sources: readonly BoundSource[], objects = memoryObjectStore()): Input =>
  openInput({
    reader: jsonArray(),
    readerOptions: {},
    sources,
    limits: { items: 2, bytes: 1_000_000, maxRecordBytes: 1_000_000 },
    objects,
    batch: 'b1',
  });

async function* streamOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const noise = (i: number): string => Buffer.from(`${Math.imul(i, 2654435761)}`).toString('base64');
const rows = Array.from({ length: 400 }, (_, i) => ({ i, text: noise(i) }));

describe('gzip and stdin', () => {
  test('are spooled, and read as the array they hold', async () => {
    const text = Buffer.from(JSON.stringify(rows, null, 1));
    for (const bytes of [text, gzipSync(text)]) {
      const input = inputOf([stdinSource(streamOf(bytes, 777))]);
      expect(await input.prepare()).toBeUndefined();
      expect(await recordsOf(input)).toEqual(rows);
      expect(input.fault()).toBeUndefined();
    }
  });

  test('a cut gzip of one long line keeps every record whose end is there', async () => {
    const text = JSON.stringify(rows);
    const packed = gzipSync(text);
    for (const share of [0.2, 0.6, 1]) {
      const cut = packed.subarray(0, Math.floor(packed.length * share) - 4);
      const input = inputOf([await source(cut, 'cut.gz')]);
      expect(await input.prepare()).toBeUndefined();
      const found = await recordsOf(input);
      expect(input.fault()).toBe(
        'source cut.gz is cut: it ends in the middle of its compressed data',
      );
      const good = found.filter((row) => row !== 'BAD_JSON');
      expect(good).toEqual(rows.slice(0, good.length));
      expect(found.length - good.length).toBeLessThanOrEqual(1);
      expect(good.length).toBeGreaterThan(400 * share - 90);
    }
    expect(gunzipSync(packed).toString()).toBe(text);
  });
});

describe('faults of the end', () => {
  const OPEN =
    'source open.json: the array is not closed: the source ends in the record at byte 5, after 6 bytes, without the ] that closes the array. It is cut, or a quote or bracket is missing';

  test('are known when all is cut, wherever a planner went on', async () => {
    const sources = [
      await source('[0,1]', 'good.json'),
      await source('[2,3,"', 'open.json'),
      await source('[]', 'none.json'),
      await source('[5] x', 'rest.json'),
    ];
    const input = inputOf(sources);
    expect(await input.prepare()).toBeUndefined();
    expect(input.fault()).toBeUndefined();
    const cuts = await cutsOf(input);
    expect(input.fault()).toBe(OPEN);
    expect(cuts.map(({ cursor }) => cursor)).toEqual([
      '0:5/0:2',
      '1:5/0:4',
      // The end of one source and a small one behind it share a chunk.
      `3:5/0:6:${OPEN}`,
    ]);
    for (const [i, { cursor }] of cuts.entries()) {
      const other = inputOf(sources);
      expect(await cutsOf(other, cursor)).toEqual(cuts.slice(i + 1));
      expect(other.fault()).toBe(OPEN);
    }
    expect(await recordsOf(input)).toEqual([0, 1, 2, 3, 'BAD_JSON', 5]);
  });

  test('of an array without records, and of none at all', async () => {
    const input = inputOf([await source(' [ \n', 'bare.json')]);
    expect(await input.prepare()).toBeUndefined();
    expect(await cutsOf(input)).toEqual([]);
    expect(input.fault()).toMatch(
      /^source bare\.json: the array is not closed: the source ends, after 4 bytes/,
    );
    const object = inputOf([await source('{"items":[1]}', 'object.json')]);
    expect(await object.prepare()).toMatch(
      /^object\.json: the first value is an object, not an array/,
    );
  });
});

test('failures fed back in: records, and raw texts that were mended', async () => {
  const line = (fields: object): string => JSON.stringify({ sluice: 'failure/1', ...fields });
  const error = { code: 'BAD_JSON', message: 'was bad' };
  const text = [
    line({ index: 4, record: { a: 1 }, raw: '{"a":1}' }),
    line({ index: 5, error, raw: '{"a":\n2}' }),
    line({ index: 6, error, raw: '{"a":' }),
  ].join('\n');
  const input = inputOf([await source(text, 'failures.jsonl')]);
  expect(await input.prepare()).toBeUndefined();
  expect(await recordsOf(input)).toEqual([{ a: 1 }, { a: 2 }, 'BAD_JSON']);
});

describe('sluice run', () => {
  const JOB = `import * as z from 'zod';
import { defineJob, jsonArray, ok } from 'sluice';
export default defineJob({
  name: 'rows',
  input: jsonArray(z.object({ id: z.string(), n: z.number() })),
  key: (row) => row.id,
  limits: { chunk: 2 },
  process: (row) => ok(row.n),
});
`;
  const gives = ['a ok 1', 'null failed BAD_JSON', 'null failed SCHEMA', 'd ok 4'];
  const body = '[{"id":"a","n":1},\n{"id":"b","n":},\n{"id":"c"},\n{"id":"d","n":4}';

  test('on an array, whole and cut; the failures go back in', async () => {
    const world = newWorld();
    world.write('job.ts', JOB);
    world.write('whole.json', `${body}]`);
    const whole = await world.cli(['run', 'job.ts', 'whole.json', '--quiet']);
    expect(whole.code, whole.stderr).toBe(2);
    const first = world.batch();
    expect(brief(world.outcomes())).toEqual(gives);
    const failures = join(world.home, 'batches', first, 'r0', 'failures.jsonl');
    const again = await world.cli(['run', 'job.ts', failures, '--quiet']);
    expect(again.code, again.stderr).toBe(2);
    const retried = world.batches().find((id) => id !== first) as string;
    expect(brief(world.outcomes(retried))).toEqual(['null failed BAD_JSON', 'null failed SCHEMA']);

    world.write('cut.json', body);
    const cut = await world.cli(['run', 'job.ts', 'cut.json', '--quiet']);
    expect(cut.code, cut.stderr).toBe(1);
    const second = world.batches().find((id) => id !== first && id !== retried) as string;
    expect(brief(world.outcomes(second))).toEqual(gives);
    expect(world.report(second)).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/^source cut\.json: the array is not closed/),
      ok: 2,
      failed: 2,
    });
  });
});
