import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../lib/ports/object-store.ts';

export interface ObjectStoreUnderTest {
  store: ObjectStore;
  end?(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (found: Uint8Array | undefined): string | undefined =>
  found && new TextDecoder().decode(found);

export const HOSTILE_KEYS = [
  '../x',
  '../../etc/x',
  '/x',
  'x/',
  'a/./b',
  'a/../b',
  'a//b',
  '.',
  '..',
  './.',
  '...',
  'nul\0byte',
  'back\\slash\\..\\x',
  'con',
  'CON.txt',
  'lpt1/aux',
  'dot.',
  'blank ',
  '%2E%2E/x',
  '%tmp/x',
  '%_',
  '~/x',
  'C:/x',
  'a'.repeat(300),
  `${'b'.repeat(300)}/c`,
  '.'.repeat(201),
  'é'.repeat(300),
  '日本/語',
  'emoji/😀',
  '__proto__',
  'constructor/prototype',
  'a\nb',
  '*?<>|"',
];

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list(prefix)) keys.push(key);
  return keys;
}

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** What every object store does; `make` gives an empty one. */
export function testObjectStore(name: string, make: () => Promise<ObjectStoreUnderTest>): void {
  describe(`${name} keeps the contract of an object store`, () => {
    let store: ObjectStore;
    let under: ObjectStoreUnderTest;
    beforeAll(async () => {
      under = await make();
      store = under.store;
    });
    afterAll(() => under.end?.());

    test('gives back what was put, whole and by ranges', async () => {
      await store.put('ranges/a.txt', bytes('0123456789'));
      const get = async (range: Parameters<ObjectStore['get']>[1]) =>
        text(await store.get('ranges/a.txt', range));
      expect(await get(undefined)).toBe('0123456789');
      expect(await get({ start: 0, end: 3 })).toBe('012');
      expect(await get({ start: 3, end: 4 })).toBe('3');
      expect(await get({ start: 3, end: 3 })).toBe('');
      expect(await get({ start: 8, end: 99 })).toBe('89');
      expect(await get({ start: 10, end: 99 })).toBe('');
      expect(await get({ start: 99, end: 100 })).toBe('');
      expect(await get({ last: 3 })).toBe('789');
      expect(await get({ last: 0 })).toBe('');
      expect(await get({ last: 99 })).toBe('0123456789');
      expect(await store.size('ranges/a.txt')).toBe(10);
    });

    test('refuses a range that is none', async () => {
      await store.put('ranges/b.txt', bytes('0123456789'));
      for (const range of [{ start: -1, end: 3 }, { start: 0, end: 1.5 }, { last: -1 }]) {
        await expect(store.get('ranges/b.txt', range)).rejects.toThrow(RangeError);
      }
    });

    test('has no bytes and no size for what is not there', async () => {
      expect(await store.get('absent/a')).toBeUndefined();
      expect(await store.get('absent/a', { last: 5 })).toBeUndefined();
      expect(await store.size('absent/a')).toBeUndefined();
      await store.put('absent/b/c', bytes('x'));
      expect(await store.get('absent/b')).toBeUndefined();
      expect(await store.get('absent/b/c/d')).toBeUndefined();
    });

    test('takes an array and a stream, and an empty object', async () => {
      await store.put('bodies/array', [bytes('ab'), new Uint8Array(0), bytes('cd')]);
      expect(text(await store.get('bodies/array'))).toBe('abcd');
      await store.put(
        'bodies/stream',
        (async function* () {
          yield bytes('ef');
          yield bytes('gh');
        })(),
      );
      expect(text(await store.get('bodies/stream'))).toBe('efgh');
      await store.put('bodies/empty', []);
      expect(await store.size('bodies/empty')).toBe(0);
      expect((await store.get('bodies/empty'))?.length).toBe(0);
    });

    test('keeps the old object when a stream fails', async () => {
      await store.put('bodies/kept', bytes('old'));
      const failing = (async function* () {
        yield bytes('new');
        throw new Error('source broke');
      })();
      await expect(store.put('bodies/kept', failing)).rejects.toThrow('source broke');
      expect(text(await store.get('bodies/kept'))).toBe('old');
      expect(await keysOf(store, 'bodies/kept')).toEqual(['bodies/kept']);
    });

    test('shares no bytes with its callers', async () => {
      const own = bytes('mine');
      await store.put('shared/a', own);
      own.fill(0);
      const first = await store.get('shared/a');
      first?.fill(1);
      expect(text(await store.get('shared/a'))).toBe('mine');
    });

    test('takes hostile keys and gives exactly them back', async () => {
      for (const key of HOSTILE_KEYS) await store.put(`hostile/${key}`, bytes(key));
      for (const key of HOSTILE_KEYS) {
        expect(text(await store.get(`hostile/${key}`))).toBe(key);
      }
      const all = HOSTILE_KEYS.map((key) => `hostile/${key}`).sort(byUtf8);
      expect(await keysOf(store, 'hostile/')).toEqual(all);
      for (const key of HOSTILE_KEYS) await store.put(key, bytes('bare'));
      expect(await keysOf(store, '')).toEqual(expect.arrayContaining(HOSTILE_KEYS));
      for (const key of HOSTILE_KEYS) {
        await store.delete(key);
        await store.delete(`hostile/${key}`);
      }
      expect(await keysOf(store, 'hostile/')).toEqual([]);
    });

    test('refuses a key that no store could take', async () => {
      for (const key of ['', 'x'.repeat(1025), 'half \ud800', `${'é'.repeat(513)}`]) {
        await expect(store.put(key, bytes('x'))).rejects.toMatchObject({ code: 'STORE' });
        await expect(store.get(key)).rejects.toMatchObject({ code: 'STORE' });
      }
    });

    test('tells an object from the objects below its name', async () => {
      await store.put('both/a', bytes('1'));
      await store.put('both/a/b', bytes('2'));
      await store.put('both/a.x', bytes('3'));
      await store.put('both/a.x/c.y', bytes('4'));
      expect(await keysOf(store, 'both/')).toEqual([
        'both/a',
        'both/a.x',
        'both/a.x/c.y',
        'both/a/b',
      ]);
      await store.delete('both/a');
      expect(text(await store.get('both/a/b'))).toBe('2');
    });

    test('lists by prefix in the order of UTF-8 bytes', async () => {
      const long = 'l'.repeat(200);
      const keys = ['a-b', 'a/b', 'a.b', 'a0', 'a', 'b/10', 'b/9', 'Z', '\uffee', '😀', `${long}-`]
        .concat([`${long}0`, `${long}/x`, `${long}`, 'é', 'z', 'a/\u0001'])
        .map((key) => `list/${key}`);
      for (const key of keys) await store.put(key, bytes(key));
      expect(await keysOf(store, 'list/')).toEqual([...keys].sort(byUtf8));
      expect(await keysOf(store, 'list/a')).toEqual(
        keys.filter((key) => key.startsWith('list/a')).sort(byUtf8),
      );
      expect(await keysOf(store, 'list/b/1')).toEqual(['list/b/10']);
      expect(await keysOf(store, `list/${long}0`)).toEqual([`list/${long}0`]);
      expect(await keysOf(store, 'list/nothing')).toEqual([]);
      expect(await keysOf(store, 'nothing/at/all')).toEqual([]);
    });

    test('finds any keys again (property)', async () => {
      const segment = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 6 }),
        fc.constantFrom('.', '..', '', 'a', 'a.', '%', 'nul', 'x'.repeat(201)),
      );
      const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(key, { maxLength: 8 }), async (keys) => {
          round += 1;
          const full = keys.map((one) => `any/${round}/${one}`);
          for (const one of full) await store.put(one, bytes(one));
          expect(await keysOf(store, `any/${round}/`)).toEqual([...full].sort(byUtf8));
          for (const one of full) expect(text(await store.get(one))).toBe(one);
        }),
        { numRuns: 40 },
      );
    });

    test('deletes, twice without an error, and takes the key again', async () => {
      await store.put('gone/a/b', bytes('1'));
      await store.delete('gone/a/b');
      await store.delete('gone/a/b');
      await store.delete('gone/never/was');
      expect(await store.get('gone/a/b')).toBeUndefined();
      expect(await keysOf(store, 'gone/')).toEqual([]);
      await store.put('gone/a/b', bytes('2'));
      expect(text(await store.get('gone/a/b'))).toBe('2');
    });

    test('never shows a mix while an object is replaced', async () => {
      const versions = [new Uint8Array(200_000).fill(1), new Uint8Array(300_001).fill(2)] as const;
      await store.put('mix/a', versions[0]);
      let done = false;
      const writer = (async () => {
        for (let i = 0; i < 60; i += 1) await store.put('mix/a', versions[i % 2 === 0 ? 1 : 0]);
        done = true;
      })();
      let reads = 0;
      while (!done || reads < 5) {
        const found = await store.get('mix/a');
        const fill = found?.[0] ?? 0;
        expect(found?.length).toBe(versions[fill === 1 ? 0 : 1].length);
        expect(found?.every((byte) => byte === fill)).toBe(true);
        reads += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writer;
    });

    test('puts and deletes at the same time in one folder end as asked', async () => {
      const rounds = Array.from({ length: 40 }, (_, i) => i);
      await Promise.all(
        rounds.map(async (i) => {
          await store.put(`busy/d/${i}`, bytes(String(i)));
          if (i % 2 === 0) await store.delete(`busy/d/${i}`);
        }),
      );
      const left = rounds.filter((i) => i % 2 === 1).map((i) => `busy/d/${i}`);
      expect(await keysOf(store, 'busy/')).toEqual(left.sort(byUtf8));
    });

    test('streams 20 MB', async () => {
      const piece = new Uint8Array(1024 * 1024);
      const body = (async function* () {
        for (let i = 0; i < 20; i += 1) yield piece.fill(i);
      })();
      await store.put('big/a', body);
      expect(await store.size('big/a')).toBe(20 * piece.length);
      const middle = await store.get('big/a', {
        start: 7 * piece.length - 1,
        end: 7 * piece.length + 1,
      });
      expect([...(middle ?? [])]).toEqual([6, 7]);
      expect((await store.get('big/a', { last: 2 }))?.[1]).toBe(19);
    });
  });
}
