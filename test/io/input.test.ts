import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { spoolIndexKey, spoolKey } from '../../lib/core/keys.ts';
import type { Reader } from '../../lib/core/reader.ts';
import type { Cut } from '../../lib/core/records.ts';
import { csv } from '../../lib/io/csv.ts';
import { openInput } from '../../lib/io/input.ts';
import { fileSource, pinFile } from '../../lib/io/local-file.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import type { BoundSource } from '../../lib/io/source.ts';
import { stdinSource } from '../../lib/io/source.ts';
import type { Input } from '../../lib/ports/input.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { cutsOf, recordsOf } from './reading.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-input-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function write(content: string | Uint8Array, name = `${files++}.csv`): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const source = async (content: string | Uint8Array, name?: string): Promise<BoundSource> =>
  fileSource(await pinFile(write(content, name)));

interface Setup {
  reader?: Reader;
  objects?: ObjectStore;
  items?: number;
}

const inputOf = (sources: readonly BoundSource[], setup: Setup = {}): Input =>
  openInput({
    reader: setup.reader ?? csv(),
    readerOptions: {},
    sources,
    limits: { items: setup.items ?? 2, bytes: 1_000_000, maxRecordBytes: 1_000_000 },
    objects: setup.objects ?? memoryObjectStore(),
    batch: 'b1',
  });

async function* streamOf(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const ROWS = 'a,b\n1,2\n3,4\n5,6\n';
const lines = (count: number): string =>
  `id,text\n${Array.from({ length: count }, (_, i) => `${i},${sha256(Buffer.from(`${i}`)).toString('hex')}\n`).join('')}`;

describe('cuts', () => {
  test('sources in order, small ones share a chunk, indexes run on; any cursor goes on', async () => {
    const input = inputOf([await source(ROWS), await source('b;a\n'), await source('b;a\n7;8\n')]);
    expect(await input.prepare()).toBeUndefined();
    const cuts = await cutsOf(input);
    expect(cuts).toEqual([
      { range: { source: 0, start: 4, end: 12, first: 0, count: 2, line: 1 }, cursor: '0:12/3:2' },
      {
        range: { source: 0, start: 12, end: 8, first: 2, count: 2, line: 3, last: 2 },
        cursor: '2:8/2:4',
      },
    ]);
    // As a version wrote it that counted no lines.
    expect(await cutsOf(input, '0:12:2')).toEqual([
      { range: { source: 0, start: 12, end: 8, first: 2, count: 2, last: 2 }, cursor: '2:8/2:4' },
    ]);
    for (const [i, { cursor }] of cuts.entries()) {
      expect(await cutsOf(input, cursor)).toEqual(cuts.slice(i + 1));
    }
    expect(await recordsOf(input)).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
      { a: '5', b: '6' },
      { b: '7', a: '8' },
    ]);
    await expect(cutsOf(input, 'x')).rejects.toMatchObject({
      code: 'STATE',
      message: '"x" is no cursor of this input.',
    });
  });

  test('a range that holds other records than planned is refused', async () => {
    const input = inputOf([await source(ROWS)]);
    const read = async () => {
      for await (const _ of input.records({ source: 0, start: 4, end: 16, first: 0, count: 2 }));
    };
    await expect(read()).rejects.toMatchObject({
      code: 'INPUT_CHANGED',
      message: 'The chunk at byte 4 holds 3 records; 2 were planned.',
    });
  });
});

describe('prepare', () => {
  test('names the source that cannot be read; its cuts are refused with the same words', async () => {
    const input = inputOf([await source(ROWS), await source('', 'empty.csv')]);
    const problem =
      'empty.csv: the file is empty: a CSV file needs a header line that names its columns';
    expect(await input.prepare()).toBe(problem);
    await expect(cutsOf(input)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: `${problem}.`,
    });
  });

  test('a column that the schema asks for and the header lacks', async () => {
    const reader = csv(z.object({ a: z.string(), price: z.string() })) as Reader;
    const input = inputOf([await source(ROWS, 'odds.csv')], { reader });
    expect(await input.prepare()).toBe('odds.csv: column "price" is missing; the header has: a, b');
    const wide = Array.from({ length: 23 }, (_, i) => `c${i}`).join(',');
    const many = inputOf([await source(`${wide}\n${wide}\n`, 'wide.csv')], { reader });
    expect(await many.prepare()).toMatch(/^wide\.csv: column "a" is missing; .* c19, and 3 more$/);
  });

  test('a bad value, an optional column, an async or a throwing schema are no problem', async () => {
    const bad = csv(z.object({ a: z.coerce.number().max(0), c: z.string().optional() })) as Reader;
    expect(await inputOf([await source(ROWS)], { reader: bad }).prepare()).toBeUndefined();
    const thrower = csv({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new Error('no');
        },
      },
    }) as Reader;
    expect(await inputOf([await source(ROWS)], { reader: thrower }).prepare()).toBeUndefined();
    const later = csv(z.object({ x: z.string() }).refine(async () => true)) as Reader;
    expect(await inputOf([await source(ROWS, 'l.csv')], { reader: later }).prepare()).toBe(
      'l.csv: column "x" is missing; the header has: a, b',
    );
  });
});

describe('gzip and stdin', () => {
  test('gzip by its first bytes, several members, zero padding; spooled once', async () => {
    const objects = memoryObjectStore();
    const [one, two] = [gzipSync('a,b\n1,2\n3,'), gzipSync('4\n5,6\n')];
    const packed = await source(Buffer.concat([one, two, Buffer.alloc(512)]));
    expect(packed.compressed).toBe(true);
    const input = inputOf([packed], { objects });
    expect(await input.prepare()).toBeUndefined();
    expect(input.fault()).toBeUndefined();
    expect(await recordsOf(input)).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
      { a: '5', b: '6' },
    ]);
    const index = Buffer.from((await objects.get(spoolIndexKey('b1', 0))) ?? []).toString();
    expect(JSON.parse(index)).toEqual({
      bytes: 16,
      pieces: 1,
      sha256: [sha256(Buffer.from(ROWS)).toString('hex')],
    });
    const again = { ...packed, stream: () => expect.fail('it was spooled before') };
    expect(await inputOf([again], { objects }).prepare()).toBeUndefined();
  });

  test('stdin, gzip or plain, over several pieces; other processes read the spool', async () => {
    const text = Buffer.from(lines(130_000));
    expect(text.length).toBeGreaterThan(8 * 1024 * 1024);
    for (const bytes of [text, gzipSync(text, { level: 1 })]) {
      const objects = memoryObjectStore();
      const first = inputOf([stdinSource(streamOf(bytes, 70_001))], { objects, items: 9999 });
      expect(await first.prepare()).toBeUndefined();
      const later = inputOf([stdinSource()], { objects, items: 9999 });
      expect(await later.prepare()).toBeUndefined();
      const rows = await recordsOf(later);
      expect(rows).toHaveLength(130_000);
      expect(rows.every((row, i) => (row as { id: string }).id === String(i))).toBe(true);
      const piece = 8 * 1024 * 1024;
      const digest = sha256(sha256(text.subarray(0, piece)), sha256(text.subarray(piece)));
      expect(await later.digest('')).toBe(digest.toString('hex'));
    }
  });

  test('a gzip whose spooling was ended goes on: what is stored is not stored again', async () => {
    const text = Buffer.from(lines(130_000));
    const packed = await source(gzipSync(text, { level: 1 }), 'twice.gz');
    const stores = memoryObjectStore();
    let puts = 0;
    const counting: ObjectStore = {
      ...stores,
      async put(key, body) {
        puts += 1;
        if (puts === 2) throw new Error('the function was ended');
        await stores.put(key, body);
      },
    };
    const first = inputOf([packed], { objects: counting, items: 9999 });
    await expect(first.prepare()).rejects.toThrow('the function was ended');
    const second = inputOf([packed], { objects: counting, items: 9999 });
    expect(await second.prepare()).toBeUndefined();
    // The second piece and the index; the first piece was there.
    expect(puts).toBe(4);
    expect(await recordsOf(second)).toHaveLength(130_000);
  });

  test('a stream that was not kept, and a spool that lost a piece', async () => {
    const objects = memoryObjectStore();
    await expect(inputOf([stdinSource()], { objects }).prepare()).rejects.toMatchObject({
      code: 'STATE',
      message: 'The bytes of stdin were not kept before the process ended.',
    });
    await expect(cutsOf(inputOf([stdinSource()], { objects }))).rejects.toMatchObject({
      code: 'STATE',
      message: 'Source stdin was not prepared for reading.',
    });
    const input = inputOf([stdinSource(streamOf(Buffer.from(ROWS)))], { objects });
    expect(await input.prepare()).toBeUndefined();
    await objects.delete(spoolKey('b1', 0, 0));
    await expect(cutsOf(inputOf([stdinSource()], { objects }))).rejects.toMatchObject({
      code: 'DAMAGED',
    });
  });

  test('a cut gzip keeps its whole lines, wherever it is cut', async () => {
    const text = lines(400);
    const packed = gzipSync(text);
    for (const share of [0.1, 0.5, 0.9, 1]) {
      const cut = packed.subarray(0, Math.floor(packed.length * share) - 4);
      const input = inputOf([await source(cut, 'cut.gz')]);
      expect(await input.prepare()).toBeUndefined();
      expect(input.fault()).toBe(
        'source cut.gz is cut: it ends in the middle of its compressed data',
      );
      const rows = (await recordsOf(input)) as { id: string; text: string }[];
      expect(rows.length).toBeGreaterThan(400 * share - 60);
      expect(text).toContain(rows.map((row) => `${row.id},${row.text}\n`).join(''));
      expect(text.startsWith(`id,text\n${rows[0]?.id}`)).toBe(true);
    }
  });

  test('a damaged gzip keeps the lines before the damage', async () => {
    const text = lines(4000);
    const packed = gzipSync(text);
    const at = Math.floor(packed.length / 2);
    packed.fill(0xff, at, at + 40);
    const input = inputOf([await source(packed, 'bad.gz')]);
    expect(await input.prepare()).toBeUndefined();
    expect(input.fault()).toMatch(
      /^source bad\.gz is cut: its compressed data is damaged near byte \d+ \(/,
    );
    const rows = (await recordsOf(input)) as { id: string; text: string }[];
    const sound = rows.filter((row) => text.includes(`\n${row.id},${row.text}\n`));
    expect(sound.length).toBeGreaterThan(1900);
  });

  test('bytes after the last member that are no gzip are a fault', async () => {
    const input = inputOf([
      await source(Buffer.concat([gzipSync(ROWS), Buffer.from('oops')]), 't.gz'),
    ]);
    expect(await input.prepare()).toBeUndefined();
    expect(input.fault()).toMatch(/^source t\.gz is cut: .*incorrect header check/);
    expect(await recordsOf(input)).toHaveLength(3);
  });

  test('gzip of which nothing can be kept is a problem', async () => {
    const input = inputOf([await source(Buffer.from([0x1f, 0x8b, 8]), 'none.gz')]);
    expect(await input.prepare()).toBe(
      'none.gz: source none.gz is cut: it ends in the middle of its compressed data',
    );
  });

  test('a decompression bomb is refused after its first 64 MiB', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('a\n1\n'), Buffer.alloc(100 * 1024 * 1024)]), {
      level: 9,
    });
    const input = inputOf([await source(bomb, 'bomb.gz')]);
    expect(await input.prepare()).toBeUndefined();
    expect(input.fault()).toMatch(
      /^source bomb\.gz is cut: its first \d+ bytes expand to \d+, more than 1000 to 1: it was refused as a decompression bomb$/,
    );
    expect(await recordsOf(input)).toEqual([{ a: '1' }]);
  });
});

describe('digest', () => {
  test('over the blocks of all sources as stored', async () => {
    const packed = gzipSync(ROWS);
    // No two reads of 1 MiB are alike, also not of two sources that are hashed side by side.
    const bytes = (length: number, at: number): Buffer =>
      Buffer.from(
        Uint32Array.from({ length: length / 4 }, (_, n) => n * 2_654_435_761 + at).buffer,
      );
    const big = bytes(9 * 1024 * 1024, 1);
    const small = [2, 3].map((at) => bytes(at * 1024 * 1024 + 4096, at));
    const all = [packed, big, Buffer.of(), ...small];
    const input = inputOf(await Promise.all(all.map((one) => source(one))));
    const blocks = [packed, big.subarray(0, 8 * 1024 * 1024), big.subarray(8 * 1024 * 1024)];
    const expected = sha256(...[...blocks, ...small].map((one) => sha256(one))).toString('hex');
    expect(await input.digest('')).toBe(expected);
  });
});

describe('failures fed back in', () => {
  const line = (fields: object): string => JSON.stringify({ sluice: 'failure/1', ...fields });

  test('rows are the records, whatever the format of the job; raws are the records\u2019 own', async () => {
    const later = line({ index: 0, stage: 1, record: { a: '1', b: '2' } });
    const text = [
      line({ index: 4, key: 'k', record: { a: '1', b: '2' }, raw: '1,2' }),
      line({ index: 5, error: { code: 'BROKEN_QUOTE', message: 'It is broken.' }, raw: '"1"x,2' }),
      line({ index: 6, raw: '' }),
      later,
      '{"a":1}',
      '{bad',
    ].join('\n');
    const input = inputOf([await source(text)], { items: 10 });
    expect(await input.prepare()).toBeUndefined();
    expect(await recordsOf(input)).toEqual([
      { a: '1', b: '2' },
      'BROKEN_QUOTE',
      'NO_RECORD',
      'LATER_STAGE',
      'NO_FAILURE_LINE',
      'BAD_JSON',
    ]);
    const [cut] = await cutsOf(input);
    for await (const block of input.records((cut as Cut).range)) {
      expect(block.raws).toEqual(['1,2', '"1"x,2', '', later, '{"a":1}', '{bad']);
      expect(block.errors?.get(1)).toEqual({
        kind: 'invalid',
        code: 'BROKEN_QUOTE',
        message: 'It is broken.',
      });
    }
  });

  test('for an NDJSON job a raw text that was mended is read', async () => {
    const text = [
      line({ index: 0, error: { code: 'BAD_JSON', message: 'was bad' }, raw: '{"a":1}' }),
      line({ index: 1, error: { code: 'BAD_JSON', message: 'is bad' }, raw: '{"a":' }),
    ].join('\n');
    const input = inputOf([await source(text)], { reader: ndjson() });
    expect(await input.prepare()).toBeUndefined();
    expect(await recordsOf(input)).toEqual([{ a: 1 }, 'BAD_JSON']);
  });
});

describe('a local file', () => {
  test('what cannot be pinned', async () => {
    await expect(pinFile(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(pinFile(folder)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('changed after it was pinned, before and after it was opened, gone', async () => {
    const path = write(ROWS, 'mine.csv');
    utimesSync(path, 1, 1);
    const pin = await pinFile(path);
    const open = fileSource(pin);
    expect(Buffer.from(await open.read(4, 8)).toString()).toBe('1,2\n');
    writeFileSync(path, ROWS.replace('1', '9'));
    const changed = { code: 'INPUT_CHANGED', message: expect.stringContaining(path) };
    await expect(open.read(4, 8)).rejects.toMatchObject(changed);
    await expect(fileSource(pin).read(4, 8)).rejects.toMatchObject(changed);
    await expect(recordsOf(inputOf([fileSource(pin)]))).rejects.toMatchObject(changed);
    const lost = write(ROWS, 'lost.csv');
    const lostPin = await pinFile(lost);
    rmSync(lost);
    await expect(fileSource(lostPin).read(0, 4)).rejects.toMatchObject({ code: 'INPUT_CHANGED' });
    expect(() => fileSource(lostPin).compressed).toThrow('it cannot be opened');
  });

  test('more files than descriptors are kept open', async () => {
    const sources = await Promise.all(
      Array.from({ length: 200 }, (_, i) => source(`a\n${i}\n`, `many-${i}.csv`)),
    );
    const input = inputOf(sources);
    expect(await input.prepare()).toBeUndefined();
    const rows = await recordsOf(input);
    expect(rows).toEqual(Array.from({ length: 200 }, (_, i) => ({ a: String(i) })));
    const texts = await Promise.all(sources.map((one) => one.read(2, 3)));
    expect(texts.map((bytes) => Buffer.from(bytes).toString())).toEqual(
      sources.map((_, i) => String(i)[0]),
    );
  });
});
