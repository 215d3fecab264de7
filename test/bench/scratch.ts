import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { sampleFile } from '../../lib/cli/sample-file.ts';
import { type Sources, writeSources } from '../../lib/jobs/odds/sample-sources.ts';

/** Files outside the checkout: the inputs are kept for the next time, all else goes at the end. */
export interface Scratch {
  /** The checkout. */
  root: string;
  /** Of this very run. */
  folder: string;
  /** A built entry of test/bench, as a path and as a URL. */
  child(name: string): string;
  childUrl(name: string): string;
  /** A folder that is not there yet, and what removes it. */
  newHome(): { home: string; done(): void };
  /** NDJSON of so many lines of 100 bytes each. */
  lines(items: number): Promise<string>;
  /** CSV of so many rows as the odds job reads them. */
  odds(rows: number): Promise<string>;
  /** Two files of different sources over so many matches, and how many items each stage of odds-markets has. */
  sources(matches: number): Promise<SourceFiles>;
  /** A job that does nothing, in a file of its own. */
  noopJob(): Promise<string>;
  close(): void;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KEPT = join(tmpdir(), 'sluice-bench');

/** Bundled CommonJS packages call `require`, which an ES module does not have. */
const BANNER =
  "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);";

/** Bundles what the measured processes run, so that none of them carries a TypeScript loader. */
export async function openScratch(): Promise<Scratch> {
  mkdirSync(KEPT, { recursive: true });
  const folder = mkdtempSync(join(KEPT, 'run-'));
  const children = join(folder, 'children');
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['child', 'bare-odds', 'bare-music', 'usage'].map(
      (name) => `test/bench/${name}.ts`,
    ),
    outdir: children,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    banner: { js: BANNER },
    logLevel: 'warning',
  });
  const child = (name: string): string => join(children, `${name}.mjs`);
  let homes = 0;
  return {
    root: ROOT,
    folder,
    child,
    childUrl: (name) => pathToFileURL(child(name)).href,
    newHome() {
      homes += 1;
      const home = join(folder, `home-${homes}`);
      return { home, done: () => rmSync(home, { recursive: true, force: true }) };
    },
    lines: linesFile,
    odds: async (rows) => (await sampleFile(KEPT, rows)).file,
    sources: sourceFiles,
    async noopJob() {
      const file = join(folder, 'noop.mjs');
      await writeFile(file, NOOP_JOB);
      return file;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface SourceFiles {
  files: string[];
  rows: number;
  pairs: number;
  matches: number;
}

async function sourceFiles(matches: number): Promise<SourceFiles> {
  const note = join(KEPT, `sources-${matches}.json`);
  if (!existsSync(note)) {
    const made = await writeSourceFiles(matches);
    await writeFile(`${note}.${process.pid}`, JSON.stringify(made));
    renameSync(`${note}.${process.pid}`, note);
  }
  return JSON.parse(await readFile(note, 'utf8')) as SourceFiles;
}

async function writeSourceFiles(matches: number): Promise<SourceFiles> {
  const files = ['football-data', 'closing-odds'].map((name) =>
    join(KEPT, `${name}-${matches}.csv`),
  );
  const streams = files.map((file) => createWriteStream(file));
  const done = streams.map((stream) => finished(stream));
  const to = (at: number) => async (text: string) => {
    if (!streams[at]?.write(text)) await once(streams[at] as NodeJS.EventEmitter, 'drain');
  };
  const pairs = new Set<string>();
  const written = await writeSources({
    matches,
    writeFootballData: to(0),
    writeBeatTheBookie: to(1),
    truth: ({ home, away }) => pairs.add(`${home}|${away}`),
  });
  for (const stream of streams) stream.end();
  await Promise.all(done);
  const { footballData, beatTheBookie } = written.rows;
  return {
    files,
    rows: footballData + beatTheBookie,
    pairs: pairs.size,
    matches: itemsOf(written),
  };
}

/** Matches as the job tells them: a dispute is an item for each side. */
const itemsOf = ({ matches }: Sources): number =>
  Object.values(matches).reduce((sum, count) => sum + count, 0) +
  matches['other result'] +
  2 * matches['two candidates'];

const NOOP_JOB = `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({ name: 'noop', cpu: true, input: ndjson(), process: () => ok(null) });
`;

async function linesFile(items: number): Promise<string> {
  const file = join(KEPT, `lines-${items}.ndjson`);
  if (existsSync(file)) return file;
  const temporary = `${file}.${process.pid}`;
  const stream = createWriteStream(temporary);
  const done = finished(stream);
  const pad = 'x'.repeat(100);
  for (let i = 0; i < items; ) {
    let block = '';
    for (const stop = Math.min(i + 5000, items); i < stop; i++) {
      const head = `{"id":${i},"pad":"`;
      block += `${head}${pad.slice(0, 97 - head.length)}"}\n`;
    }
    if (!stream.write(block)) await once(stream, 'drain');
  }
  stream.end();
  await done;
  renameSync(temporary, file);
  return file;
}
