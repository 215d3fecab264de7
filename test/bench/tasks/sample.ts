import { statSync } from 'node:fs';
import { sampleFile } from '../../../lib/cli/sample-file.ts';
import type { Figures } from '../child.ts';

/** Writes the odds sample into a folder that has none. */
export async function sampleTask(spec: { home: string; rows: number }): Promise<Figures> {
  const from = performance.now();
  const { file, made } = await sampleFile(spec.home, spec.rows);
  if (!made) throw new Error('The sample was there before.');
  return { writeS: (performance.now() - from) / 1000, mb: statSync(file).size / 1e6 };
}
