import { describe, expect, test } from 'vitest';
import { checkManifestSize, isManifestName, parseManifest } from '../../lib/io/manifest.ts';

const parse = (text: string) => parseManifest('x.manifest.jsonl', Buffer.from(text));

test('known by its name alone', () => {
  for (const name of ['x.manifest.jsonl', 'a/b c.manifest.txt', 'inbox/j/x.manifest.ndjson']) {
    expect(isManifestName(name), name).toBe(true);
  }
  for (const name of [
    'manifest.jsonl',
    'r0/manifest.jsonl',
    'x.manifest.csv',
    'x.jsonl',
    '.manifest.txt',
  ]) {
    expect(isManifestName(name), name).toBe(false);
  }
});

test('lines in their order: JSON and plain names, blank ones and CRLF passed over', () => {
  const sha256 = 'AB'.repeat(32);
  expect(
    parse(
      `{"key":"data/a","size":0,"etag":"\\"e-2\\""}\r\n\n data/b c.csv\n{"path":"é","sha256":"${sha256}"}`,
    ),
  ).toEqual([
    { line: 1, name: 'data/a', size: 0, etag: 'e-2' },
    { line: 3, name: ' data/b c.csv' },
    { line: 4, name: 'é', sha256: sha256.toLowerCase() },
  ]);
});

describe('what is wrong is named with its line, the rule and the value', () => {
  test.each<[string, RegExp]>([
    ['', /^x\.manifest\.jsonl names no object\.$/],
    ['a\n{"key":', /line 2 is no JSON: /],
    ['{"name":"a"}', /line 1 must have key or path, a text; got nothing\.$/],
    ['{"key":"a","path":"b"}', /line 1 must have key or path/],
    ['{"key":7}', /must have key or path, a text; got 7/],
    ['{"key":"a","size":-1}', /line 1: size must be a whole number of bytes from 0 on; got -1/],
    ['{"key":"a","size":"9"}', /size must be .*; got "9"/],
    ['{"key":"a","etag":"x y"}', /line 1: etag must be a text without blanks; got "x y"/],
    ['{"key":"a","sha256":"12"}', /line 1: sha256 must be 64 hexadecimal digits; got "12"/],
    ['a\nb\n{"key":"a"}', /line 3: a is named before, in line 1\.$/],
  ])('%j', (text, says) => {
    expect(() => parse(text)).toThrow(says);
  });

  test('bytes that are no UTF-8, too many objects, too many bytes', () => {
    expect(() => parseManifest('m', Buffer.from([0xff]))).toThrow('m is not UTF-8.');
    const many = Array.from({ length: 100_001 }, (_, i) => `k${i}`).join('\n');
    expect(() => parse(many)).toThrow('names more than 100000 objects');
    expect(() => checkManifestSize('m', 70_000_000)).toThrow(
      'm has 70000000 bytes; a manifest may have 67108864.',
    );
  });
});
