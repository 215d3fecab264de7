import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleJobBytes, distFolder, isBuiltIn } from './job-bundle.ts';

/** A job bundled into one file: what main thread, worker threads and functions all load. */
export interface JobFile {
  /** Where the bundle lies; named by its digest. */
  file: string;
  /** SHA-256 of the bundle. */
  digest: string;
  bytes: Uint8Array;
}

/** The one file of a job, in `folder`. Whatever made it, the same job has the same bytes. */
export async function bundleJob(reference: string, folder: string): Promise<JobFile> {
  const bytes = isBuiltIn(reference)
    ? await readFile(join(distFolder(), 'built-in', `${reference}.mjs`))
    : await bundleJobBytes(reference);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const file = join(folder, `${digest.slice(0, 32)}.mjs`);
  if (!existsSync(file)) {
    await mkdir(folder, { recursive: true });
    const temporary = `${file}.${process.pid}`;
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  }
  return { file, digest, bytes };
}
