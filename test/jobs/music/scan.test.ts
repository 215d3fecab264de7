import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyOf, readFile } from '../../../lib/jobs/music/job.ts';
import { warmCli } from '../../support/warm-cli.ts';
import { mp3 } from './write-audio.ts';
import { type WrittenLibrary, writeLibrary } from './write-library.ts';

let folder: string;
let written: WrittenLibrary;
const music = (): string => join(folder, 'music');
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-music-'));
  written = writeLibrary({ folder: music(), files: 600, seed: 3 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Report {
  failed: number;
  outcomes: string;
  stages: { name: string; ok: number; skipped: number; failed: number }[];
}

async function scan(...more: string[]): Promise<Report> {
  const args = ['run', 'music', music(), '--json', '--home', join(folder, 'home'), ...more];
  const { stdout, stderr } = await warmCli(args, { cwd: folder });
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`${stdout}\n${stderr}`);
  }
}

function rows(sql: string, name = 'music.db'): unknown[][] {
  const db = new Database(join(folder, name), { readonly: true });
  try {
    return db.prepare(sql).raw().all() as unknown[][];
  } finally {
    db.close();
  }
}

const stage = ({ stages }: Report, name: string) => stages.find((one) => one.name === name);
const count = (sql: string): unknown => rows(sql)[0]?.[0];

it('scans a library into artists, albums and tracks; a second scan reads only what changed', {
  timeout: 180_000,
}, async () => {
  const first = await scan('--now', '2026-01-01T00:00:00Z');
  expect(stage(first, 'extract')).toMatchObject({
    ok: written.files - written.broken,
    failed: written.broken,
  });
  const duplicates = written.copies + written.recordings;
  expect(stage(first, 'insert')).toMatchObject({ skipped: duplicates, failed: 0 });
  expect(count('SELECT count(*) FROM tracks WHERE duplicate IS NULL')).toBe(written.tracks);
  expect(count("SELECT count(*) FROM tracks WHERE duplicate = 'copy'")).toBe(written.copies);
  expect(count("SELECT count(*) FROM tracks WHERE duplicate = 'recording'")).toBe(
    written.recordings,
  );
  expect(count('SELECT count(*) FROM albums')).toBe(stage(first, 'albums')?.ok);
  expect(count('SELECT count(*) FROM tracks WHERE artist NOT IN (SELECT id FROM artists)')).toBe(0);
  expect(count('SELECT count(*) FROM tracks WHERE album NOT IN (SELECT id FROM albums)')).toBe(0);

  // The same outcomes without the cache and without threads.
  const plain = await scan(
    '--again',
    '--now',
    '2026-01-01T00:00:00Z',
    '--option',
    'cache=none',
    '--option',
    'sink=none',
    '--parallel',
    'off',
  );
  expect(plain.outcomes).toBe(first.outcomes);

  // What the cache says is believed where size and time are as they were.
  const [one, other] = rows(
    'SELECT path FROM tracks WHERE duplicate IS NULL ORDER BY path LIMIT 2',
    'music.db',
  ) as [[string], [string]];
  const cached = new Database(join(folder, 'music-cache.db'));
  cached
    .prepare("UPDATE files SET tags = json_set(tags, '$.title', 'from the cache') WHERE path = ?")
    .run(one[0]);
  cached.close();
  appendFileSync(other[0], 'x');
  const second = await scan('--again', '--now', '2026-01-02T00:00:00Z');
  expect(stage(second, 'extract')).toMatchObject({ ok: written.files - written.broken });
  const seen = Date.parse('2026-01-02T00:00:00Z');
  expect(rows(`SELECT title FROM tracks WHERE path = '${one[0].replaceAll("'", "''")}'`)).toEqual([
    ['from the cache'],
  ]);
  expect(count(`SELECT count(*) FROM tracks_seen WHERE seen_at = ${seen}`)).toBe(
    written.files - written.broken,
  );
  // What is as it was is not written again: but for the file that was changed, whose album has its new length too.
  const rewritten = rows(
    'SELECT tracks.path FROM tracks JOIN tracks_seen USING (id) WHERE tracks.batch = tracks_seen.batch',
  ).flat();
  expect(rewritten).toContain(one[0]);
  expect(rewritten).toContain(other[0]);
  expect(rewritten.length).toBeLessThan(20);
  expect(count('SELECT count(*) FROM tracks')).toBe(written.files - written.broken);
});

it('ends with artists, albums, tracks, duplicates and errors', async () => {
  const args = [
    'run',
    'music',
    music(),
    '--home',
    join(folder, 'home'),
    '--again',
    '--progress',
    'none',
  ];
  const { stdout } = await warmCli(args, { cwd: folder });
  const said = (name: string) => Number(new RegExp(`^${name} +(\\d+)$`, 'm').exec(stdout)?.[1]);
  expect(said('artists')).toBe(count('SELECT count(*) FROM artists'));
  expect(said('albums')).toBe(count('SELECT count(*) FROM albums'));
  expect(said('tracks')).toBe(written.tracks);
  expect(said('duplicates')).toBe(written.copies + written.recordings);
  expect(said('errors')).toBe(written.broken);
  expect(stdout).toMatch(/^look {6}.*items music-/m);
  const [, id = ''] = /^again {5}.*retry (music-\S+)$/m.exec(stdout) ?? [];
  // Broken files are broken still: all else is grouped and inserted once more, and says the same.
  const again = await warmCli(['retry', id, '--home', join(folder, 'home'), '--progress', 'none'], {
    cwd: folder,
  });
  const summary = (text: string) =>
    text.split('\n').filter((line) => /^ {0,2}\w+ +\d+$/.test(line));
  expect(summary(stdout)).toHaveLength(7);
  expect(summary(again.stdout)).toEqual(summary(stdout));
});

it('without tables ends with what the outcomes tell', async () => {
  const args = ['run', 'music', music(), '--home', join(folder, 'home'), '--again'];
  const { stdout } = await warmCli([...args, '--progress', 'none', '--option', 'sink=none'], {
    cwd: folder,
  });
  expect(stdout).toMatch(new RegExp(`^tracks +${written.tracks}$`, 'm'));
  expect(stdout).toMatch(new RegExp(`^duplicates +${written.copies + written.recordings}$`, 'm'));
  expect(stdout).toMatch(new RegExp(`^errors +${written.broken}$`, 'm'));
  expect(stdout).not.toMatch(/^artists/m);
  const [, id = ''] = /^again {5}.*retry (music-\S+)$/m.exec(stdout) ?? [];
  const again = ['retry', id, '--home', join(folder, 'home'), '--progress', 'none'];
  const retried = await warmCli(again, { cwd: folder });
  for (const name of ['tracks', 'duplicates', 'errors']) {
    const line = new RegExp(`^${name} +\\d+$`, 'm');
    expect(line.exec(retried.stdout)?.[0]).toBe(line.exec(stdout)?.[0]);
  }
});

it('clips the key of a long path, and keeps two of them apart', () => {
  const end = `${'b'.repeat(600)}.mp3`;
  const [one, other] = [keyOf(`/x/${end}`), keyOf(`/y/${end}`)] as [string, string];
  expect(one).toHaveLength(512);
  expect(one).not.toBe(other);
  expect(one.endsWith('b.mp3')).toBe(true);
  // No half of a character at the cut.
  const wide = keyOf(`/${'\u{1d11e}'.repeat(400)}`);
  expect(keyOf(`x${'\u{1d11e}'.repeat(400)}y`)).not.toMatch(/\p{Surrogate}/u);
  expect(wide).not.toMatch(/\p{Surrogate}/u);
  const short = 'a'.repeat(512);
  expect(keyOf(short)).toBe(short);
});

it('says what is wrong with a file, and goes on', async () => {
  const path = join(folder, 'one.mp3');
  const tags = { title: 'a', artist: 'b', album: 'c', track: 1, year: 2000, genre: 'Rock' };
  writeFileSync(path, mp3(tags, { frames: 20 }));
  const good = await readFile({ path });
  expect(good.tags.title).toBe('a');
  const refused = async (listed: Parameters<typeof readFile>[0]) => {
    try {
      return await readFile(listed);
    } catch (fault) {
      const { code, kind } = fault as { code: string; kind: string };
      return `${kind} ${code}`;
    }
  };
  expect(await refused({ path, size: good.size + 1 })).toBe('permanent CHANGED');
  expect(await refused({ path, mtime: good.mtime - 5 })).toBe('permanent CHANGED');
  expect(await refused({ path, size: good.size, mtime: good.mtime })).toEqual(good);
  expect(await refused({ path: join(folder, 'none.mp3') })).toBe('permanent GONE');
  expect(await refused({ path: 's3://bucket/a.mp3' })).toBe('permanent NOT_HERE');
  expect(await refused({ path: folder })).toBe('permanent UNREADABLE');
  if (process.getuid?.() !== 0) {
    chmodSync(path, 0);
    expect(await refused({ path })).toBe('permanent UNREADABLE');
    chmodSync(path, 0o600);
  }
  writeFileSync(path, '');
  expect(await refused({ path })).toBe('permanent EMPTY');
  writeFileSync(path, 'no audio at all, only words '.repeat(20));
  expect(await refused({ path })).toBe('permanent NO_AUDIO');
  writeFileSync(path, mp3(tags).subarray(0, 60));
  expect(await refused({ path })).toMatch(/permanent (BAD_FILE|NO_AUDIO)/);
  unlinkSync(path);
});

it('refuses options that cannot be', async () => {
  const run = (option: string) =>
    warmCli(['run', 'music', music(), '--home', join(folder, 'home'), '--option', option], {
      cwd: folder,
    });
  expect((await run('sink=mysql://x')).stderr).toContain('must begin with sqlite: or postgres://');
  expect((await run('cache=/no/such/folder/c.db')).stderr).toContain(
    'must be the path of a file in a folder that is there, or none',
  );
  expect((await run('colour=red')).stderr).toContain('the music job has no option colour');
  expect(readFileSync(join(folder, 'music.db')).length).toBeGreaterThan(0);
});
