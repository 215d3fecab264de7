import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAll } from '../build.mjs';

/** Threads and the CLI are tested as built: a stale dist/ would test yesterday's code. */
export default async function setup(): Promise<() => void> {
  await buildAll();
  // Every folder of the tests lies in one, which goes: a killed process, or a test without a clean-up, left its own for ever.
  const before = process.env['TMPDIR'];
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tests-'));
  // A test walks as a user without rights.
  chmodSync(folder, 0o755);
  process.env['TMPDIR'] = folder;
  // Where files of tests find what the first of them made.
  process.env['SLUICE_TESTS_FOLDER'] = folder;
  return () => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    delete process.env['SLUICE_TESTS_FOLDER'];
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
}
