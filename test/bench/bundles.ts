import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { FUNCTIONS } from '../../build.mjs';
import { median } from './median.ts';
import type { Bench } from './support.ts';
import { against, count } from './table.ts';

const ROUNDS = 7;

export const bundlesBench: Bench = {
  name: 'bundles',
  about:
    "the functions' bundles: bytes, and milliseconds to import (wanted: worker <= 700 KB, < 150 ms)",
  async run({ say }) {
    for (const name of FUNCTIONS) {
      const file = fileURLToPath(
        new URL(`../../dist/functions/${name}/index.mjs`, import.meta.url),
      );
      const { size } = statSync(file);
      const packed = gzipSync(readFileSync(file)).length;
      const times = Array.from({ length: ROUNDS }, () => importMs(file));
      say(
        `${name}: ${count(size / 1000)} KB (${count(packed / 1000)} KB packed), import ms: ${against(median(times), '<', 150, 0)}`,
      );
    }
  },
};

/** In a process of its own. It ends by the missing environment, right after everything was loaded. */
function importMs(file: string): number {
  const script = `const t = performance.now();
    await import(${JSON.stringify(pathToFileURL(file).href)}).catch((e) => {
      if (!/SLUICE_INBOX/.test(e.message)) throw e;
    });
    process.stdout.write(String(performance.now() - t));`;
  const env = { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', POWERTOOLS_DEV: 'true' };
  const args = ['--input-type=module', '-e', script];
  return Number(execFileSync(process.execPath, args, { env, encoding: 'utf8' }));
}
