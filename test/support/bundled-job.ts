import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleJobBytes } from '../../lib/app/job-bundle.ts';

const made = new Map<string, Promise<string>>();

/**
 * The text of a job with all it imports, made once in this process: what takes long in a small run is to bundle its job,
 * 150 ms of CPU with zod and 30 ms for what this returns.
 */
export function bundledJob(text: string): Promise<string> {
  const known = made.get(text) ?? bundle(text);
  made.set(text, known);
  return known;
}

async function bundle(text: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bundled-'));
  try {
    writeFileSync(join(folder, 'job.ts'), text);
    return Buffer.from(await bundleJobBytes(join(folder, 'job.ts'))).toString();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
