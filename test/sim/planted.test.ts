import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BUGS } from './bugs.ts';
import { planted } from './bundle.ts';
import { MOST_SEEDS, scoreAll } from './score.ts';

const FULL = process.env['SLUICE_FULL'] !== undefined;

// Beside sim.test.ts, so that the long run plays seeds and bugs at the same time.
describe('the score', () => {
  const sourceOf = (file: string): string =>
    readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

  it('has at least 30 bugs with names of their own', () => {
    expect(BUGS.length).toBeGreaterThanOrEqual(30);
    expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length);
  });

  it.each(BUGS.map((bug) => [bug.name, bug] as const))('can plant: %s', (_name, { edits }) => {
    for (const edit of edits) {
      const source = sourceOf(edit.file);
      expect(planted(source, edit)).not.toBe(source);
    }
  });

  it('refuses a text that is not there, or there twice', () => {
    const edit = { file: 'a.ts', find: 'x', replace: 'y' };
    expect(planted('a x b', edit)).toBe('a y b');
    expect(() => planted('a b', edit)).toThrow('0 times in a.ts');
    expect(() => planted('x x', edit)).toThrow('2 times in a.ts');
  });

  const quick = 'commit counts the chunk, not its items';
  const bugs = FULL ? BUGS : BUGS.filter(({ name }) => name === quick);
  it(`exposes ${bugs.length} planted bugs`, async () => {
    const scores = await scoreAll(bugs, { seeds: MOST_SEEDS, shares: 0 });
    expect(scores).toHaveLength(bugs.length);
    const escaped = scores.filter(({ first }) => first === undefined);
    expect(escaped.map(({ bug }) => bug.name)).toEqual([]);
  }, 900_000);
});
