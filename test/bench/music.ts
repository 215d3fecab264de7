import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeLibrary } from '../jobs/music/write-library.ts';
import type { Bench, Variant } from './support.ts';
import { against, count, figure, row } from './table.ts';

type Figures = Record<string, number>;

/** The naive pass is as slow for a few files as for many. */
const NAIVE = 3000;

export const musicBench: Bench = {
  name: 'music',
  about:
    'a music library end to end (wanted: 10,000 files/s or 0.9 of the bare loop, 20 x the naive pass; second scan 20,000, read 50,000)',
  async run({ options, scratch, size, measure, table, say }) {
    const files = size(options.items, 100_000, 1000);
    const folder = join(scratch.folder, 'music');
    const { bytes, albums, tracks } = writeLibrary({ folder, files });
    say(`${files} files, ${Math.round(bytes / 1e6)} MB, ${albums} albums, ${tracks} tracks`);
    const of = (name: string, task: string, n: number): Variant => ({
      name,
      n,
      task,
      spec: { root: scratch.root, folder, files: n },
      fresh: () => {
        const { home, done } = scratch.newHome();
        mkdirSync(home);
        return { spec: { home, db: join(home, 'naive.db') }, done };
      },
    });
    const naive = Math.min(files, NAIVE);
    const rows = await measure([
      of('two scans', 'music', files),
      {
        name: 'bare script',
        n: files,
        argv: [process.execPath, scratch.child('bare-music'), folder, scratch.root],
        fresh: () => {
          const { home, done } = scratch.newHome();
          mkdirSync(home);
          return { argv: [home], done };
        },
      },
      of('bare loop of the reader', 'music-loop', files),
      of('naive pass', 'music-naive', naive),
    ]);
    table(rows, [
      figure('files/s', 'rate'),
      figure('first scan', 'first'),
      figure('read', 'firstRead'),
      figure('cores', 'firstCpu', 2),
      figure('second scan', 'second'),
      figure('read again', 'secondRead'),
    ]);
    const [scans, script, bare, slow] = [
      'two scans',
      'bare script',
      'bare loop of the reader',
      'naive pass',
    ].map((name) => row(rows, name).figures) as [Figures, Figures, Figures, Figures];
    if (script['files'] !== files) {
      throw new Error(`The bare script saw ${script['files']} files, not ${files}.`);
    }
    if (script['firstRows'] !== script['secondRows']) {
      throw new Error('The two scans of the bare script wrote different rows.');
    }
    const value = (of: Figures, name: string): number => of[name] ?? Number.NaN;
    const first = value(scans, 'first');
    say(`first scan: ${against(first, '>=', 10_000, 0)} files/s`);
    say(`... ${against(first / value(bare, 'rate'), '>=', 0.9)} of the bare loop`);
    say(`... ${against(first / value(slow, 'rate'), '>=', 20, 1)} times the naive pass`);
    say(
      `... ${count(first / value(script, 'first'), 2)} of a bare script that could not go on after a crash`,
    );
    say(`second scan: ${against(value(scans, 'second'), '>=', 20_000, 0)} files/s`);
    say(`... ${count(value(scans, 'second') / value(script, 'second'), 2)} of the bare script`);
    say(
      `... its files found and looked up: ${against(value(scans, 'secondRead'), '>=', 50_000, 0)} files/s`,
    );
    say(`resident: ${against(row(rows, 'two scans').rssMb, '<=', 500, 0)} MB`);
  },
};
