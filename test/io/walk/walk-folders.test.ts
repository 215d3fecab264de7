import { spawnSync } from 'node:child_process';
import fs, { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { walkFolders } from '../../../lib/io/walk/walk-folders.ts';
import { ALL, foundIn, inFolder, makeFiles, plainWalk, stepsOf } from './trees.ts';

/** Names whose bytes sort otherwise than their UTF-16 units do, or than folders and files would apart. */
const NAMES = ['a', 'a-b', 'a.b', 'a0', 'B', 'é', '\uff5e', '\u{1d11e}', 'x y', 'c'];
const path = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 })
  .chain((names) => fc.constantFrom(names.join('/'), `${names.join('/')}/`));

/** What an act gives, and the folders that were read for it: all at once, and in pieces. */
async function readWhile<T>(act: () => Promise<T>, parts: Partial<typeof fs> = {}) {
  const [whole, inPieces]: [string[], string[]] = [[], []];
  const { readdirSync, opendirSync, statSync, statfsSync } = fs;
  const { opendir } = fs.promises;
  try {
    fs.readdirSync = ((path: string, options: object) => {
      whole.push(path);
      return readdirSync(path, options);
    }) as typeof readdirSync;
    fs.opendirSync = (path, options) => {
      inPieces.push(String(path));
      return opendirSync(path, options);
    };
    fs.promises.opendir = (path, options) => {
      inPieces.push(String(path));
      return opendir(path, options);
    };
    Object.assign(fs, parts);
    syncBuiltinESMExports();
    return { given: await act(), whole, inPieces, read: [...whole, ...inPieces].sort() };
  } finally {
    Object.assign(fs, { readdirSync, opendirSync, statSync, statfsSync });
    fs.promises.opendir = opendir;
    syncBuiltinESMExports();
  }
}

describe('a walk', () => {
  it('finds what one plain pass finds, by the bytes of the paths, wherever it is taken up', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(path, { maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        (paths, files, entries) =>
          inFolder(async (root) => {
            makeFiles(root, paths);
            const steps = await stepsOf([root], {}, { files, entries });
            expect(foundIn(steps)).toEqual(plainWalk(root));
            for (const [at, { place }] of steps.entries()) {
              const rest = await stepsOf([root], {}, { after: place, files, entries });
              expect(rest).toEqual(steps.slice(at + 1));
            }
          }),
      ),
      { numRuns: process.env['SLUICE_FULL'] ? 1000 : 25 },
    ));

  it('goes root by root; a root may be a file', () =>
    inFolder(async (root) => {
      makeFiles(root, ['b/1', 'b/2', 'a/3', 'lone']);
      const roots = [join(root, 'b'), join(root, 'lone'), join(root, 'a')];
      const steps = await stepsOf(roots);
      expect(foundIn(steps)).toEqual(['b/1', 'b/2', 'lone', 'a/3'].map((name) => join(root, name)));
      expect(await stepsOf(roots, {}, { after: steps[1]?.place as never })).toEqual(steps.slice(2));
    }));

  it('ends an item after so many entries that are not wanted, so that it can be taken up behind them', () =>
    inFolder(async (root) => {
      makeFiles(
        root,
        Array.from({ length: 40 }, (_, at) => `${at % 8}/${at}.txt`),
      );
      const steps = await stepsOf([root], { include: ['**/*.mp3'] }, { entries: 10 });
      expect(steps.map(({ item }) => item)).toEqual(new Array(4).fill({ files: [] }));
      expect(steps.every(({ entries }) => entries >= 10)).toBe(true);
    }));

  it('reads each folder once; taken up again none that it is through with', () =>
    inFolder(async (root) => {
      const folders = Array.from({ length: 60 }, (_, at) => `${String(at).padStart(2, '0')}`);
      makeFiles(
        root,
        folders.map((folder) => `${folder}/file`),
      );
      const { given: all, read } = await readWhile(() => stepsOf([root], {}, { files: 1 }));
      expect(read).toEqual([root, ...folders.map((folder) => join(root, folder))]);
      const after = all[39]?.place as never;
      const again = await readWhile(() => stepsOf([root], {}, { after, files: 1 }));
      expect(again.read).toEqual([root, ...folders.slice(39).map((one) => join(root, one))]);
    }));

  it('reads all at once only what says that it is small, where a folder can be believed', () =>
    inFolder(async (root) => {
      makeFiles(root, ['a/1', 'b/2']);
      const { dev } = statSync(root);
      const found = ['a/1', 'b/2'].map((name) => join(root, name));
      const folders = [root, join(root, 'a'), join(root, 'b')];
      const reads = async (own: number, size: number, type: number) => {
        const parts = {
          statSync: () => ({ dev: own, size }),
          statfsSync: () => ({ type }),
        } as unknown as Partial<typeof fs>;
        const { given, whole, inPieces } = await readWhile(() => stepsOf([root]), parts);
        expect(foundIn(given)).toEqual(found);
        return { whole, inPieces };
      };
      const [ext4, nfs] = [0xef53, 0x6969];
      expect(await reads(dev + 1, 4096, ext4)).toEqual({ whole: folders, inPieces: [] });
      expect(await reads(dev + 1, 4096, nfs)).toEqual({ whole: folders, inPieces: [] });
      expect(await reads(dev + 1, 65_537, ext4)).toEqual({ whole: [], inPieces: folders });
      expect(await reads(dev + 2, 4096, nfs)).toEqual({ whole: [], inPieces: folders });
    }));

  it('says that a root cannot be read', () =>
    inFolder(async (root) => {
      await expect(stepsOf([join(root, 'none')])).rejects.toMatchObject({ code: 'BAD_INPUT' });
    }));
});

describe('patterns', () => {
  const TREE = [
    'a.mp3',
    'b/c.MP3',
    'b/d/e.mp3',
    'b/f.txt',
    'g/.h/i.mp3',
    '.j/k.mp3',
    'g/.l.mp3',
    'm/[o].txt',
    'm/n.mp3',
  ];
  const found = (options: Parameters<typeof stepsOf>[1]) =>
    inFolder(async (root) => {
      makeFiles(root, TREE);
      return foundIn(await stepsOf([root], options)).map((one) => one.slice(root.length + 1));
    });

  it.each([
    [{}, ['a.mp3', 'b/c.MP3', 'b/d/e.mp3', 'b/f.txt', 'm/[o].txt', 'm/n.mp3']],
    [{ include: ['*.mp3'] }, ['a.mp3']],
    [{ include: ['**/*.mp3'] }, ['a.mp3', 'b/d/e.mp3', 'm/n.mp3']],
    [{ include: ['**/*.mp3'], ignoreCase: true }, ['a.mp3', 'b/c.MP3', 'b/d/e.mp3', 'm/n.mp3']],
    [{ include: ['B/**'], ignoreCase: true }, ['b/c.MP3', 'b/d/e.mp3', 'b/f.txt']],
    [{ include: ['b/d/*', 'm/*3'] }, ['b/d/e.mp3', 'm/n.mp3']],
    [{ include: ['**'], exclude: ['b', '**/*.txt'] }, ['a.mp3', 'm/n.mp3']],
    [
      { include: ['**'], exclude: ['**/d/**'] },
      ['a.mp3', 'b/c.MP3', 'b/f.txt', 'm/[o].txt', 'm/n.mp3'],
    ],
    [{ dot: true, exclude: ['b/**', 'm'] }, ['.j/k.mp3', 'a.mp3', 'g/.h/i.mp3', 'g/.l.mp3']],
    [{ include: ['.j/*', 'g/.*'] }, ['.j/k.mp3', 'g/.l.mp3']],
    [{ include: ['m/\\[o\\].txt'] }, ['m/[o].txt']],
  ])('%j', async (options, expected) => {
    expect(await found(options)).toEqual(expected);
  });

  it('a folder that is excluded, or leads nowhere, is not entered', () =>
    inFolder(async (root) => {
      makeFiles(root, ['out/a/1', 'out/b/2', 'in/3']);
      for (const options of [{ exclude: ['out'] }, { include: ['in/*'] }]) {
        // The root's two entries, the one of `in`, and the file: nothing of `out` was looked at.
        const all = await stepsOf([root], options, { entries: 1 });
        expect(all.reduce((sum, { entries }) => sum + entries, 0)).toBe(4);
      }
    }));
});

describe('what cannot be walked is told and passed by', () => {
  it('links: files and folders they lead to, circles, and nothing', () =>
    inFolder(async (root) => {
      makeFiles(root, ['real/one', 'real/deep/two']);
      symlinkSync('../real', join(root, 'real', 'up'));
      symlinkSync('../..', join(root, 'real', 'deep', 'top'));
      symlinkSync('real/one', join(root, 'file'));
      symlinkSync('real/deep', join(root, 'folder'));
      symlinkSync('self', join(root, 'self'));
      symlinkSync('nowhere', join(root, 'broken'));
      const at = (name: string): string => join(root, name);
      expect(foundIn(await stepsOf([root]))).toEqual([
        `LINK_BROKEN ${at('broken')}`,
        at('file'),
        `LINK_LOOP ${at('folder/top')}`,
        at('folder/two'),
        `LINK_LOOP ${at('real/deep/top')}`,
        at('real/deep/two'),
        at('real/one'),
        `LINK_LOOP ${at('real/up')}`,
        `LINK_LOOP ${at('self')}`,
      ]);
      expect(foundIn(await stepsOf([root], { followLinks: false }))).toEqual([
        at('real/deep/two'),
        at('real/one'),
      ]);
    }));

  it('names that are not UTF-8', () =>
    inFolder(async (root) => {
      const raw = (...bytes: number[]): Buffer =>
        Buffer.concat([Buffer.from(`${root}/`), Buffer.from(bytes)]);
      try {
        writeFileSync(raw(0x61, 0xff), '');
        mkdirSync(raw(0x62, 0xc3));
      } catch {
        return; // This file system takes no such names.
      }
      makeFiles(root, ['a', 'c']);
      const steps = await stepsOf([root]);
      const [a, bad, folder, c] = foundIn(steps);
      expect([a, c]).toEqual([join(root, 'a'), join(root, 'c')]);
      expect(bad).toBe(`BAD_NAME ${root}/a\\xff`);
      expect(folder).toBe(`BAD_NAME ${root}/b\\xc3`);
      expect(await stepsOf([root], {}, { after: steps[1]?.place as never })).toEqual(
        steps.slice(2),
      );
      expect(foundIn(await stepsOf([root], { include: ['c'] }))).toEqual([join(root, 'c')]);
    }));

  it('a folder without rights', () =>
    inFolder(async (root) => {
      makeFiles(root, ['a/1', 'b/2', 'c/3']);
      chmodSync(root, 0o755);
      chmodSync(join(root, 'b'), 0);
      const asRoot = process.getuid?.() === 0;
      if (asRoot) process.seteuid?.(65_534);
      try {
        expect(foundIn(await stepsOf([root]))).toEqual([
          join(root, 'a/1'),
          `FOLDER_UNREADABLE ${join(root, 'b')}`,
          join(root, 'c/3'),
        ]);
      } finally {
        if (asRoot) process.seteuid?.(0);
        chmodSync(join(root, 'b'), 0o755);
      }
    }));

  it('a folder that goes while the walk is on its way', () =>
    inFolder(async (root) => {
      makeFiles(
        root,
        Array.from({ length: 60 }, (_, at) => `${String(at).padStart(2, '0')}/file`),
      );
      const found: string[] = [];
      const sizes = { files: 1, entries: 1_000 };
      for await (const step of walkFolders({ roots: [root], options: ALL, sizes })) {
        found.push(...foundIn([step]));
        rmSync(join(root, '50'), { recursive: true, force: true });
      }
      expect(found.length).toBe(60);
      expect(found[50]).toBe(`FOLDER_GONE ${join(root, '50')}`);
    }));

  it('260 levels, and more than a path may have', () =>
    inFolder(async (root) => {
      const deep = new Array(260).fill('level-one').join('/');
      makeFiles(root, [`${deep}/file`]);
      expect(foundIn(await stepsOf([root]))).toEqual([`${root}/${deep}/file`]);
      // One folder at a time, since a path of more than 4,096 bytes cannot be named.
      const cwd = process.cwd();
      try {
        process.chdir(join(root, deep));
        for (let level = 0; level < 8; level += 1) {
          mkdirSync('n'.repeat(250));
          process.chdir('n'.repeat(250));
        }
      } finally {
        process.chdir(cwd);
      }
      const [file, long] = foundIn(await stepsOf([root]));
      spawnSync('rm', ['-rf', 'n'.repeat(250)], { cwd: join(root, deep) });
      expect(basename(file as string)).toBe('file');
      expect(long).toMatch(/^FOLDER_UNREADABLE \/.*n{250}$/);
      expect(dirname(long as string).length).toBeGreaterThan(3_500);
    }));
});
