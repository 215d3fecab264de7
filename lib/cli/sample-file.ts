import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { writeSample } from '../jobs/odds/sample.ts';

/**
 * The sample of so many odds rows in `<home>/samples/`, made if need be. The same rows give the same
 * bytes, so a file of the size that was noted beside it is kept: it stays the same batch's input.
 */
export async function sampleFile(
  home: string,
  rows: number,
): Promise<{ file: string; made: boolean }> {
  const file = join(resolve(home), 'samples', `odds-${rows}.csv`);
  const note = `${file}.size`;
  const noted = Number(await readFile(note, 'utf8').catch(() => Number.NaN));
  const there = await stat(file).catch(() => undefined);
  if (there !== undefined && there.size === noted) return { file, made: false };
  await mkdir(dirname(file), { recursive: true });
  // A name of its own: two demos may start at once.
  const temporary = `${file}.${process.pid}`;
  const stream = createWriteStream(temporary);
  const done = finished(stream);
  const { bytes } = await writeSample({
    rows,
    write: (text) =>
      stream.write(text, 'latin1')
        ? undefined
        : new Promise<void>((go) => stream.once('drain', () => go())),
  });
  stream.end();
  await done;
  await rename(temporary, file);
  await writeFile(note, String(bytes));
  return { file, made: true };
}
