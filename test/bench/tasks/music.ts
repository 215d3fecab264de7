import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ownProcess } from '../../../lib/app/own-process.ts';
import { readReport } from '../../../lib/app/read-report.ts';
import { readFile } from '../../../lib/jobs/music/read-file.ts';
import type { Figures } from '../child.ts';
import { builtLocal } from './dist.ts';

interface ScanSpec {
  root: string;
  home: string;
  folder: string;
  files: number;
}

/** Two scans of a folder, end to end, with insertion: the second finds all tags in the cache. */
export async function musicScanTask({
  root,
  home: path,
  folder,
  files,
}: ScanSpec): Promise<Figures> {
  const { openHome, runBatch } = await builtLocal(root);
  // As on the command line, whose process is its own.
  ownProcess();
  const home = await openHome(path);
  const scan = async (): Promise<{ endS: number; readS: number; usage: number }> => {
    const [from, cpu] = [performance.now(), process.cpuUsage()];
    const { batch } = await runBatch(home, {
      job: 'music',
      inputs: [folder],
      again: true,
      options: { sink: `sqlite:${join(path, 'music.db')}`, cache: join(path, 'cache.db') },
    });
    const endS = (performance.now() - from) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const { report } = await readReport(home, batch);
    const stages = report.stages ?? [];
    const of = (name: string) => stages.find((stage) => stage.name === name);
    const listed = (of('extract')?.ok ?? 0) + (of('extract')?.failed ?? 0);
    if (listed !== files || of('insert')?.failed !== 0) {
      throw new Error(
        `The scan read ${listed} of ${files} files; ${of('insert')?.failed} rows failed.`,
      );
    }
    const spans = ['discover', 'extract'].map((name) => of(name));
    const until = Math.max(
      ...spans.map((stage) => Date.parse(stage?.finishedAt ?? report.finishedAt)),
    );
    const readS = (until - Date.parse(report.startedAt)) / 1000;
    return { endS, readS, usage: (user + system) / 1e6 / endS };
  };
  const first = await scan();
  const second = await scan();
  await home.close();
  return {
    first: files / first.endS,
    firstRead: files / first.readS,
    firstCpu: first.usage,
    second: files / second.endS,
    secondRead: files / second.readS,
    secondCpu: second.usage,
  };
}

interface LoopSpec {
  root: string;
  folder: string;
  files: number;
  db: string;
}

const pathsOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** One thread, one file after the other: nothing but the reader. */
export async function musicLoopTask({ folder, files }: LoopSpec): Promise<Figures> {
  const paths = pathsOf(folder).slice(0, files);
  const from = performance.now();
  let titles = 0;
  for (const path of paths) {
    try {
      const read = readFile({ path });
      const { tags } = read instanceof Promise ? await read : read;
      if (tags.title !== undefined) titles += 1;
    } catch {
      // Broken on purpose.
    }
  }
  return { rate: paths.length / ((performance.now() - from) / 1000), titles };
}

/** What one would write first: one pass, a library that reads any file, an insert of its own for each. */
export async function musicNaiveTask({
  root,
  folder,
  files,
  db: file,
}: LoopSpec): Promise<Figures> {
  const load = createRequire(`${root}package.json`);
  const Database = load('libsql') as typeof import('libsql');
  const { parseFile } = await import('music-metadata');
  const db = new Database(file);
  db.exec(
    'CREATE TABLE tracks (path TEXT PRIMARY KEY, title TEXT, artist TEXT, album TEXT, seconds REAL)',
  );
  const insert = db.prepare('INSERT INTO tracks VALUES (?, ?, ?, ?, ?)');
  const paths = pathsOf(folder).slice(0, files);
  const from = performance.now();
  let titles = 0;
  for (const path of paths) {
    try {
      const { common, format } = await parseFile(path, { duration: true });
      const { title, artist, album } = common;
      insert.run(path, title ?? null, artist ?? null, album ?? null, format.duration ?? null);
      titles += 1;
    } catch {
      // Broken on purpose.
    }
  }
  const rate = paths.length / ((performance.now() - from) / 1000);
  db.close();
  return { rate, titles };
}
