import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { shuffleKey } from '../../lib/core/keys.ts';
import { itemsOfLines, itemsOfText } from '../../lib/engine/given-lines.ts';
import { type Block, blockBytes, openShuffle, runsIn } from '../../lib/engine/read-shuffle.ts';
import { compareKeys, prefixOf, SHUFFLE_FOOT_BYTES, shuffleOf } from '../../lib/engine/shuffle.ts';
import { listBytes, shuffleSources } from '../../lib/engine/shuffle-list.ts';

const KEY = 'batches/b/r0/shuffle/0/000000-0001.gz';
const ALL = { lo: 0, hi: 2 ** 32 };
const EVERY = { from: 0, to: Number.POSITIVE_INFINITY };
const stage = { name: 'by', key: (row: unknown): string => (row as { k: string }).k };
const sha = (key: string): string => createHash('sha256').update(key).digest('hex');

interface Row {
  k: string;
  v: unknown;
}

const lineOf = (row: Row, index: number): string =>
  `${JSON.stringify({ index, key: 'x', status: 'ok', value: row })}\n`;
const membersOf = (rows: readonly Row[], each = 3): Buffer[] =>
  Array.from({ length: Math.ceil(rows.length / each) }, (_, at) =>
    gzipSync(
      rows
        .slice(at * each, (at + 1) * each)
        .map((row, place) => lineOf(row, at * each + place))
        .join(''),
    ),
  );

/** Opens an object with its last `tail` bytes, and reads all of its runs. */
async function readAll(parts: readonly Uint8Array[], { tail = 1 << 20, span = ALL } = {}) {
  const objects = memoryObjectStore();
  await objects.put(KEY, Buffer.concat(parts));
  const shuffle = await openShuffle(objects, KEY, tail);
  const blocks = shuffle.segments.flat();
  const found: { key: string; hash: string; rows: string[]; numbers: string }[] = [];
  for await (const { at, bytes } of blockBytes(objects, shuffle, blocks)) {
    expect(bytes).toHaveLength((blocks[at] as Block).bytes);
    for (const run of runsIn(KEY, bytes, span)) {
      const rows = bytes.toString('utf8', run.from, run.to).split('\n').slice(0, -1);
      expect(rows).toHaveLength(run.rows);
      const numbers = bytes.toString('latin1', run.numbers.from, run.numbers.to);
      found.push({ key: run.key, hash: run.hash, rows, numbers });
    }
  }
  return { shuffle, blocks, found };
}

const rowsBy = (keys: readonly string[], size = 1): Row[] =>
  keys.map((k, at) => ({ k, v: `${at}`.padEnd(size, '.') }));

describe('a shuffle object', () => {
  it('gives back each row by the hash of its key, in input order, with its number', async () => {
    const keys = fc.array(fc.constantFrom('a', 'b', 'c "d"', 'é\n', '漢', ' '), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(keys, fc.integer({ min: 1, max: 4 }), async (some, each) => {
        const rows = rowsBy(some);
        const { found, blocks } = await readAll(shuffleOf(membersOf(rows, each), stage));
        const wanted = [...new Set(some)].sort((a, b) => (sha(a) < sha(b) ? -1 : 1));
        expect(found.map(({ key }) => key)).toEqual(wanted);
        for (const { key, hash, rows: own, numbers } of found) {
          expect(hash).toBe(sha(key).slice(0, 12));
          const mine = rows.flatMap((row, at) => (row.k === key ? [{ at, row }] : []));
          expect(own).toEqual(mine.map(({ row }) => JSON.stringify(row)));
          const steps = mine.map(({ at }, place) => at - (mine[place - 1]?.at ?? 0));
          expect(numbers).toBe(steps.join(','));
        }
        expect(blocks[0]).toMatchObject({ start: 0, first: prefixOf(sha(wanted[0] as string)) });
        expect(blocks.reduce((sum, block) => sum + block.rows, 0)).toBe(rows.length);
      }),
      { numRuns: 30 },
    );
  });

  it('of rows of 4 KB has a block for each few, of a heavy key several of its own', async () => {
    const keys = ['a', 'heavy', 'b', ...new Array<string>(70).fill('heavy'), 'c'];
    const { blocks, found } = await readAll(shuffleOf(membersOf(rowsBy(keys, 4000)), stage));
    const most = Math.ceil((74 * 4020) / 64);
    expect(blocks.every(({ bytes, rows }) => rows === 1 || bytes < 2 * most + 4200)).toBe(true);
    expect(blocks.length).toBeGreaterThan(30);
    for (const [at, block] of blocks.entries()) {
      expect(block.end).toBeGreaterThan(block.start);
      expect(block.start).toBe(blocks[at - 1]?.end ?? 0);
      expect(block.last).toBeGreaterThanOrEqual(block.first);
    }
    expect(found.filter(({ key }) => key === 'heavy').flatMap(({ rows }) => rows)).toHaveLength(71);
  });

  it('is cut into the same blocks by the same rows', () => {
    const keys = Array.from({ length: 500 }, (_, at) => `k${at % 90}`);
    const [one, other] = [1, 7].map((each) => shuffleOf(membersOf(rowsBy(keys, 40), each), stage));
    const facts = (parts: Buffer[] = []): unknown[] =>
      (
        JSON.parse(gunzipSync(parts.at(-2) as Buffer).toString()) as {
          segments: { blocks: number[][] }[];
        }
      ).segments.map(({ blocks }) => blocks.map(([, , , rows, bytes]) => [rows, bytes]));
    expect(facts(one)).toEqual(facts(other));
    // 500 rows of some 60 characters, and a line of 30 for each of 90 keys: blocks of 4 KB.
    const sizes = (facts(one)[0] as [number, number][]).map(([, bytes]) => bytes);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4096 + 90 * 30);
    expect(sizes.length).toBeLessThan(12);
  });

  it('of nothing, or of rows that gave nothing, is an empty one', async () => {
    for (const members of [
      [],
      [gzipSync('{"index":0,"key":"k","status":"skipped","reason":"r"}\n')],
    ]) {
      const { shuffle, found } = await readAll(shuffleOf(members, stage));
      expect([shuffle.segments, found]).toEqual([[], []]);
    }
  });

  it('is the same where keys are known by number, and those rows are not asked for theirs', () => {
    const rows = rowsBy(['a', 'b', 'a', 'c', 'b']);
    const members = membersOf(rows, 2);
    const asked: string[] = [];
    const asking = {
      ...stage,
      key: (row: unknown) => {
        asked.push(String((row as Row).v));
        return (row as Row).k;
      },
    };
    const plain = Buffer.concat(shuffleOf(members, asking));
    expect(asked).toHaveLength(5);
    asked.length = 0;
    const known = new Map([0, 1, 3].map((at) => [at, (rows[at] as Row).k]));
    expect(Buffer.concat(shuffleOf(members, asking, known))).toEqual(plain);
    expect(asked).toEqual([rows[2], rows[4]].map((row) => row?.v));
  });

  it('groups have no numbers', async () => {
    const group = gzipSync('{"key":"k","status":"ok","value":{"k":"a"}}\n');
    const { found } = await readAll(shuffleOf([group], stage));
    expect(found).toMatchObject([{ key: 'a', numbers: '-' }]);
  });

  it("a row whose key is another one now is the job's fault", () => {
    const rows = membersOf([{ k: 5 as unknown as string, v: 1 }]);
    expect(() => shuffleOf(rows, stage)).toThrow(/Before, the same row had a key\.$/);
    try {
      shuffleOf(rows, stage);
    } catch (error) {
      expect(error).toMatchObject({
        code: 'BAD_JOB',
        hint: 'Let key(row) depend on the row alone.',
      });
    }
  });

  it('is read by one request, or by more where its tail is short', async () => {
    const parts = shuffleOf(membersOf(rowsBy(['a', 'b', 'c', 'a'])), stage);
    const whole = await readAll(parts);
    const size = Buffer.concat(parts).length;
    const index = (parts.at(-2) as Buffer).length;
    for (const tail of [
      SHUFFLE_FOOT_BYTES,
      SHUFFLE_FOOT_BYTES + index - 1,
      SHUFFLE_FOOT_BYTES + index,
    ]) {
      const own = await readAll(parts, { tail });
      expect(own.found).toEqual(whole.found);
      expect(own.shuffle.tailAt).toBe(size - tail);
    }
    expect(whole.shuffle.tailAt).toBe(0);
    expect((await readAll(parts, { tail: size })).shuffle.tailAt).toBe(0);
  });

  it('gives the runs of a span alone: from its begin, up to its end', async () => {
    const parts = shuffleOf(membersOf(rowsBy(['a', 'b', 'c', 'd'])), stage);
    const all = (await readAll(parts)).found;
    const prefixes = all.map(({ hash }) => prefixOf(hash));
    const [lo, hi] = [prefixes[1] as number, prefixes[3] as number];
    const keysIn = async (span: typeof ALL): Promise<string[]> =>
      (await readAll(parts, { span })).found.map(({ key }) => key);
    const names = all.map(({ key }) => key);
    expect(await keysIn({ lo, hi })).toEqual(names.slice(1, 3));
    expect(await keysIn({ lo: lo + 1, hi: hi + 1 })).toEqual(names.slice(2));
    expect(await keysIn({ lo: 0, hi: prefixes[0] as number })).toEqual([]);
  });
});

describe('the requests for blocks', () => {
  it('are one for those that follow one another, up to 1 MiB', async () => {
    const objects = memoryObjectStore();
    const asked: { start: number; end: number }[] = [];
    const get = (key: string, range?: unknown) => {
      asked.push(range as { start: number; end: number });
      return objects.get(key, range as never);
    };
    const piece = gzipSync('x'.repeat(10), { level: 0 });
    const size = piece.length;
    await objects.put(KEY, Buffer.concat(new Array<Buffer>(20).fill(piece)));
    const block = (at: number): { start: number; end: number } => ({
      start: at * size,
      end: (at + 1) * size,
    });
    const from = { key: KEY, tail: Buffer.concat([piece, piece]), tailAt: 18 * size };
    const ats: number[] = [];
    for await (const { at, bytes } of blockBytes(
      { ...objects, get } as never,
      from,
      [0, 1, 3, 4, 5, 18, 19].map(block),
    )) {
      ats.push(at);
      expect(bytes.toString()).toBe('x'.repeat(10));
    }
    expect(ats).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(asked).toEqual([
      { start: 0, end: 2 * size },
      { start: 3 * size, end: 6 * size },
    ]);
  });

  it('of large blocks are several', async () => {
    const large = gzipSync(Buffer.alloc(512 * 1024 - 100, 'x'), { level: 0 });
    const objects = memoryObjectStore();
    await objects.put(KEY, Buffer.concat([large, large, large]));
    const sizes: number[] = [];
    const get = (key: string, range: { start: number; end: number }) => {
      sizes.push((range.end - range.start) / large.length);
      return objects.get(key, range);
    };
    const blocks = [0, 1, 2].map((at) => ({
      start: at * large.length,
      end: (at + 1) * large.length,
    }));
    const from = { key: KEY, tail: new Uint8Array(), tailAt: 3 * large.length };
    for await (const { bytes } of blockBytes({ ...objects, get } as never, from, blocks))
      bytes.fill(0);
    expect(large.length).toBeLessThanOrEqual(512 * 1024);
    expect(sizes).toEqual([2, 1]);
  });
});

describe('a damaged shuffle object is told as such', () => {
  const rows = rowsBy(['a', 'b', 'c']);
  const good = shuffleOf(membersOf(rows), stage);
  const foot = (text: string): Buffer => gzipSync(`${text.padEnd(79)}\n`, { level: 0 });
  const [data, index] = [good.slice(0, -2), good.at(-2) as Buffer];
  const length = Buffer.concat(data).length;
  const damaged = { code: 'DAMAGED' };
  const indexOf = (facts: unknown): Buffer => gzipSync(JSON.stringify(facts));
  const withIndex = (bytes: Buffer): Buffer[] => [
    ...[...data, bytes],
    foot(`{"sluice":"shuffle/1","bytes":[${length},${bytes.length}]}`),
  ];
  it.each<[string, Buffer[], object]>([
    ['no foot', [...data, index], { ...damaged, message: /is damaged: its foot is missing\.$/ }],
    ['another foot', [foot('{"sluice":"part/1","bytes":[1,2]}')], damaged],
    ['a foot of null', [foot('null')], damaged],
    ['no lengths', [foot('{"sluice":"shuffle/1"}')], damaged],
    ['three lengths', [foot('{"sluice":"shuffle/1","bytes":[1,2,3]}')], damaged],
    ['version 0', [foot('{"sluice":"shuffle/0","bytes":[1,2]}')], damaged],
    ['no number', [foot('{"sluice":"xshuffle/1","bytes":[1,2]}')], damaged],
    ['a text behind', [foot('{"sluice":"shuffle/1x","bytes":[1,2]}')], damaged],
    ['a newer version', [foot('{"sluice":"shuffle/12","bytes":[1,2]}')], { code: 'NEWER' }],
    [
      'its begin is gone',
      [index, good.at(-1) as Buffer],
      { ...damaged, message: /its foot says \d+ bytes, it has/ },
    ],
    ['too much before it', [Buffer.alloc(5), ...good], damaged],
    ['an index that is no gzip', withIndex(Buffer.from('nonsense')), damaged],
    [
      'an index of other blocks',
      withIndex(indexOf({ v: 1, segments: [] })),
      { ...damaged, message: /its blocks make 0 bytes, its foot says/ },
    ],
  ])('%s', async (_, parts, error) => {
    await expect(readAll(parts)).rejects.toMatchObject(
      'message' in error
        ? { ...error, message: expect.stringMatching(error.message as RegExp) }
        : error,
    );
  });

  it('one that is not there', async () => {
    await expect(openShuffle(memoryObjectStore(), KEY, 1000)).rejects.toMatchObject({
      ...damaged,
      message: `Object ${KEY} is missing.`,
    });
  });

  it('one that is shorter than a block says', async () => {
    const objects = memoryObjectStore();
    await objects.put(KEY, Buffer.alloc(10));
    const from = { key: KEY, tail: new Uint8Array(), tailAt: 99 };
    const read = blockBytes(objects, from, [{ start: 5, end: 15 }]);
    await expect(read.next()).rejects.toMatchObject({
      message: /it is shorter than its foot says/,
    });
  });

  it.each([
    ['an empty line', '\n'],
    ['no line end', '0123456789ab 1 - "k"'],
    ['no key', '0123456789ab 1 -\nrow\n'],
    ['no rows', '0123456789ab 0 - "k"\nrow\n'],
    ['rows that are none', '0123456789ab x - "k"\nrow\n'],
  ])('a block with %s', (_, text) => {
    expect(() => [...runsIn(KEY, Buffer.from(text), ALL)]).toThrow('a block has no line of a key');
  });

  it('a block that ends within a row', () => {
    const read = (text: string) => [...runsIn(KEY, Buffer.from(text), ALL)];
    expect(() => read('0123456789ab 2 - "k"\nrow\n')).toThrow('a block ends within a row');
    expect(() => read('0123456789ab 1 - "k"\nro')).toThrow('a block ends within a row');
    expect(read('0123456789ab 1 - "k"\nrow\n')).toHaveLength(1);
  });
});

describe('the order of groups', () => {
  it('is that of the hashes; two keys of one hash are told apart by the keys', () => {
    const a = { hash: '1', key: 'x' };
    expect(compareKeys(a, { hash: '2', key: 'a' })).toBe(-1);
    expect(compareKeys({ hash: '2', key: 'a' }, a)).toBe(1);
    expect(compareKeys(a, { ...a })).toBe(0);
    // Both are U+FFFD in UTF-8.
    const [low, high] = ['\ud800', '\ud801'].map((key) => ({ hash: sha(key).slice(0, 12), key }));
    expect(low?.hash).toBe(high?.hash);
    expect(compareKeys(low as never, high as never)).toBe(-1);
    expect(compareKeys(high as never, low as never)).toBe(1);
  });
});

describe('the list of shuffle objects', () => {
  const before = { batch: 'b', round: 2, stage: 1 };
  it('names earlier rounds first, each object by its chunk and epoch', async () => {
    const objects = memoryObjectStore();
    const list = { epochs: [3], earlier: [{ round: 0, epochs: [1, 2] }] };
    const key = 'batches/b/r2/shuffle/1/parts.json';
    await objects.put(key, listBytes(list));
    expect(Buffer.from((await objects.get(key)) as Uint8Array).toString()).toBe(
      `${JSON.stringify({ v: 1, ...list })}\n`,
    );
    const sources = await shuffleSources(objects, before);
    expect(sources.map(({ round }) => round)).toEqual([0, 0, 2]);
    expect(sources.map((source) => source.key)).toEqual(
      [
        { round: 0, chunk: 0, epoch: 1 },
        { round: 0, chunk: 1, epoch: 2 },
        { round: 2, chunk: 0, epoch: 3 },
      ].map(({ epoch, ...id }) => shuffleKey({ ...before, ...id }, epoch)),
    );
    await objects.put(key, Buffer.from('{"epochs":'));
    await expect(shuffleSources(objects, before)).rejects.toMatchObject({
      ...{ code: 'DAMAGED', message: `Object ${key} is damaged.` },
      cause: expect.any(SyntaxError),
    });
    await objects.put(key, listBytes({ epochs: [] }));
    expect(await shuffleSources(objects, before)).toEqual([]);
  });

  it('that is gone is told', async () => {
    await expect(shuffleSources(memoryObjectStore(), before)).rejects.toMatchObject({
      ...{ code: 'DAMAGED', message: /parts\.json is missing\.$/ },
    });
  });
});

describe('what outcome lines give', () => {
  const text = [
    '{"index":0,"key":"a","status":"ok","value":1}',
    '{"index":1,"key":"b","status":"skipped","reason":"r"}',
    '{"index":2,"key":"c","status":"ok","values":[2,{"x":3},null]}',
    '{"index":3,"key":"\\",\\"status\\":\\"ok\\"","status":"failed","error":{}}',
    '{"index":4,"key":"e","status":"ok"}',
    '{"index":5,"key":null,"status":"ok","value":[5]}',
    '{"index":6,"key":null,"status":"ok","values":[]}',
    '',
  ].join('\n');
  const raws = ['1', '2', '{"x":3}', 'null', 'null', '[5]'];
  it('is one value, several or none a line, any part of them', () => {
    for (let from = 0; from <= 7; from += 1) {
      for (let to = from; to <= 7; to += 1) {
        const given = itemsOfText(text, { from, to });
        expect(given.raws, `${from} to ${to}`).toEqual(raws.slice(from, to));
        expect(given.values).toEqual(raws.slice(from, to).map((raw) => JSON.parse(raw) as unknown));
        expect(given.givers).toHaveLength(given.raws.length);
      }
    }
    expect(itemsOfText(text, { from: 1, to: 2 }).givers).toEqual(['{"index":2,"key":"c"']);
  });

  it('is the same of bytes, in any script', () => {
    for (const name of ['a', 'Zoë', '東京', '😀']) {
      const named = text.replace('{"x":3}', JSON.stringify({ name }));
      expect(itemsOfLines(Buffer.from(named), EVERY)).toEqual(itemsOfText(named, EVERY));
    }
  });

  it('is cut where an object of a list ends, whatever stands in it', () => {
    const lists = [
      [{ a: 1 }, { b: [] }, { c: {} }],
      [{ a: '},{' }, { b: '"},{"' }],
      [{ a: [{ b: 1 }, { c: 2 }] }, { d: 1 }],
      [{ a: 1 }, 5, { b: 1 }],
      [{ a: 1 }, [{ b: 1 }, { c: 1 }]],
      [{}],
      [[{ a: 1 }, { b: 1 }], { c: 1 }],
    ];
    for (const list of lists) {
      const line = `{"key":"k","status":"ok","values":${JSON.stringify(list)}}\n`;
      const { values, raws } = itemsOfText(line, EVERY);
      expect(values).toEqual(list);
      expect(raws).toEqual(list.map((value) => JSON.stringify(value)));
    }
  });
});
