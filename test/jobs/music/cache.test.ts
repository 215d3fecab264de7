import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openSqlite } from '../../../lib/adapters/local/sqlite.ts';
import type { GroupContext } from '../../../lib/index.ts';
import { type Listed, lookUp } from '../../../lib/jobs/music/cache.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-music-cache-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a worker asks, and its end, at which it keeps what was read. */
function worker(name: string): { ask(files: readonly Listed[]): Listed[]; end(): void } {
  const file = openSqlite(join(folder, name));
  const held = new Map<string, { opened: unknown; close: (opened: never) => unknown }>();
  const context = {
    options: {},
    items: [],
    sqlite: () => file,
    shared: (key: string, open: () => unknown, close: (opened: never) => unknown) => {
      if (!held.has(key)) held.set(key, { opened: open(), close });
      return held.get(key)?.opened;
    },
  } as unknown as GroupContext;
  return {
    ask: (files) =>
      (lookUp(() => name).run(files, context) as unknown as { value: Listed }[]).map(
        ({ value }) => value,
      ),
    end() {
      for (const { opened, close } of held.values()) close(opened as never);
      file.close();
    },
  };
}

const listed = (at: number): Listed => ({
  path: `/music/${at % 7}/"${at}" ${at % 3 === 0 ? '\u{1f600}' : '\uff01'}.mp3`,
  size: 1000 + at,
  mtime: -5 + at,
});

it('gives what was kept, as JSON of the file, in whatever order it is asked', () => {
  const files = Array.from({ length: 250 }, (_, at) => listed(at));
  const kept = files.map(({ path, size = 0, mtime = 0 }) => {
    const tags = { title: path, artist: undefined, year: size };
    return { path, size, mtime, print: 'ab', tags };
  });
  const first = worker('a.db');
  const asked = first.ask(files);
  expect(asked.every(({ known }) => known === undefined)).toBe(true);
  // Twice a statement of 100 rows, and the rest.
  for (const one of kept) asked[0]?.fresh?.push({ ...one, tags: JSON.stringify(one.tags) });
  first.end();

  const second = worker('a.db');
  const texts = kept.map((one) => JSON.stringify(one));
  const backwards = second.ask([...files].reverse()).map(({ known }) => known);
  expect(backwards).toEqual([...texts].reverse());
  const middle = [files[9], files[3], files[200], files[4]] as Listed[];
  expect(second.ask(middle).map(({ known }) => known)).toEqual(
    [9, 3, 200, 4].map((at) => texts[at]),
  );
  const other = { ...(files[1] as Listed), size: 1 };
  const elsewhere = { ...(files[1] as Listed), path: '/other/1.mp3' };
  expect(second.ask([other, elsewhere]).map(({ known }) => known)).toEqual([undefined, undefined]);
  second.end();
});

it('knows files whose paths SQLite orders otherwise', () => {
  const files = ['/music/\uff01/1.mp3', '/music/\u{1f600}/1.mp3'].map(
    (path): Listed => ({ path, size: 1, mtime: 2 }),
  );
  const first = worker('b.db');
  const [asked] = first.ask(files);
  for (const { path } of files) {
    asked?.fresh?.push({ path, size: 1, mtime: 2, print: 'ab', tags: '{}' });
  }
  first.end();
  const second = worker('b.db');
  expect(second.ask(files).map(({ known }) => JSON.parse(known ?? 'null')?.path)).toEqual(
    files.map(({ path }) => path),
  );
  second.end();
});
