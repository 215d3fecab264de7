import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { localObjectStore } from '../../../lib/adapters/local/object-store.ts';
import { HOSTILE_KEYS } from '../../contract/object-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
afterAll(() => rmSync(folder, { recursive: true }));
let roots = 0;
const freshRoot = (): string => {
  roots += 1;
  mkdirSync(join(folder, `home-${roots}`));
  return join(folder, `home-${roots}`, 'objects');
};
const body = new Uint8Array([1, 2, 3]);

async function keysOf(store: ReturnType<typeof localObjectStore>): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list('')) keys.push(key);
  return keys;
}

test('no hostile key leaves the folder or takes a name that an operating system minds', async () => {
  const root = freshRoot();
  const store = localObjectStore(root, { durable: false });
  for (const key of HOSTILE_KEYS) await store.put(key, body);
  expect(readdirSync(join(root, '..'))).toEqual(['objects']);
  for (const name of readdirSync(root, { recursive: true })
    .map(String)
    .flatMap((path) => path.split('/'))) {
    expect(name).toMatch(/^[\w.%-]{1,255}$/);
    expect(name).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|\.$/i);
  }
});

test('the files that people look for have plain names', () => {
  const root = freshRoot();
  const store = localObjectStore(root);
  const plain = ['batches/odds-2024/r0/report.html', 'batches/x/r0/parts/0/000001-1.gz'];
  for (const key of plain) expect(relative(root, store.path(key))).toBe(key);
  expect(relative(root, store.path('a.b/c'))).toBe('a.b%/c%');
});

test('leftovers: old ones go at the first put, young ones stay, strange files are no objects', async () => {
  const root = freshRoot();
  mkdirSync(join(root, '%tmp'), { recursive: true });
  const hours = (n: number): Date => new Date(Date.now() - n * 3_600_000);
  for (const [name, age] of [
    ['old', 1.1],
    ['young', 0.9],
  ] as const) {
    const file = join(root, '%tmp', name);
    writeFileSync(file, 'x');
    utimesSync(file, hours(age), hours(age));
  }
  writeFileSync(join(root, 'no dot and a blank'), 'x');
  writeFileSync(join(root, 'nodot'), 'x');
  writeFileSync(join(root, '%41.txt'), 'x');
  const store = localObjectStore(root);
  await store.put('a.txt', body);
  expect(readdirSync(join(root, '%tmp'))).toEqual(['young']);
  expect(await keysOf(store)).toEqual(['a.txt']);
});

test('a put leaves no temporary file, a failed one neither', async () => {
  const root = freshRoot();
  const store = localObjectStore(root);
  await store.put('a.txt', body);
  const failing = (async function* () {
    yield body;
    throw new Error('source broke');
  })();
  await expect(store.put('b.txt', failing)).rejects.toThrow('source broke');
  expect(readdirSync(root).sort()).toEqual(['%tmp', 'a.txt']);
  expect(readdirSync(join(root, '%tmp'))).toEqual([]);
});

test('reading makes no folder, and the last delete leaves none', async () => {
  const root = freshRoot();
  const store = localObjectStore(root);
  expect(await store.get('a/b.txt')).toBeUndefined();
  expect(await keysOf(store)).toEqual([]);
  await store.delete('a/b.txt');
  expect(readdirSync(join(root, '..'))).toEqual([]);
  await store.put('a/b/c/d.txt', body);
  await store.put('a/e.txt', body);
  await store.delete('a/b/c/d.txt');
  expect(readdirSync(join(root, 'a'))).toEqual(['e.txt']);
});

test('two stores on one folder: puts and prunes at the same time lose nothing', async () => {
  const root = freshRoot();
  const [a, b] = [localObjectStore(root), localObjectStore(root)];
  for (let i = 0; i < 60; i += 1) {
    await Promise.all([a.put('deep/er/a.txt', body), b.put('deep/er/b.txt', body)]);
    await Promise.all([
      a.delete('deep/er/a.txt'),
      b.delete('deep/er/b.txt'),
      a.put('deep/er/c.txt', body),
    ]);
    expect(await b.get('deep/er/c.txt')).toEqual(body);
    await b.delete('deep/er/c.txt');
  }
});

test('the root may be a link, and a file in its place is an error with a hint', async () => {
  const root = freshRoot();
  const target = freshRoot();
  mkdirSync(target);
  symlinkSync(target, root);
  const store = localObjectStore(root);
  await store.put('a.txt', body);
  expect(readdirSync(target).sort()).toEqual(['%tmp', 'a.txt']);
  expect(await keysOf(store)).toEqual(['a.txt']);

  const file = freshRoot();
  writeFileSync(file, 'x');
  await expect(localObjectStore(file).put('a.txt', body)).rejects.toMatchObject({
    code: 'STORE',
    hint: expect.stringContaining('another folder'),
  });
});
