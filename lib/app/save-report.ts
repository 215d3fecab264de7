import { existsSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import { REPORT_FILES, type ReportFile, reportKey } from '../core/keys.ts';
import type { Batch } from '../engine/batch.ts';
import type { Place } from './place.ts';

/** Failures of a large batch do not fit in memory: they are copied in pieces. */
const PIECE_BYTES = 8 * 1024 * 1024;

/**
 * Copies the report of a finished batch into a folder, made if need be; returns the paths. Throws `STATE` before
 * anything is written where a file of that name is there already, `DAMAGED` for one that is missing.
 */
export async function saveReport(
  place: Pick<Place, 'objects' | 'where'>,
  batch: Pick<Batch, 'id' | 'round'>,
  folder: string,
): Promise<string[]> {
  const there = REPORT_FILES.find((file) => existsSync(join(folder, file)));
  if (there !== undefined) {
    throw new SluiceError('STATE', `${join(folder, there)} is there already; nothing was saved.`, {
      hint: 'Name another folder with --save.',
    });
  }
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (const file of REPORT_FILES) paths.push(await saveFile(place, batch, { folder, file }));
  return paths;
}

async function saveFile(
  { objects, where }: Pick<Place, 'objects' | 'where'>,
  { id, round }: Pick<Batch, 'id' | 'round'>,
  { folder, file }: { folder: string; file: ReportFile },
): Promise<string> {
  const key = reportKey(id, round, file);
  const bytes = await objects.size(key);
  if (bytes === undefined) {
    throw new SluiceError('DAMAGED', `A report file is missing: ${where(key)}`, {
      hint: `See what else differs: sluice verify ${id}`,
    });
  }
  const path = join(folder, file);
  const partial = `${path}.${process.pid}`;
  const target = await open(partial, 'wx');
  try {
    for (let start = 0; start < bytes; start += PIECE_BYTES) {
      const end = Math.min(start + PIECE_BYTES, bytes);
      await target.writeFile((await objects.get(key, { start, end })) ?? new Uint8Array());
    }
  } finally {
    await target.close();
  }
  await rename(partial, path);
  return path;
}
