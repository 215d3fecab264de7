/** A long import in a process of its own, so that its memory is its own; prints its facts as JSON. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runImport } from './import-world.ts';

const [companies = '20000', quota = '100/1m', perCall = '1'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'sluice-import-'));
try {
  const facts = await runImport({
    companies: Number(companies),
    quota,
    perCall: Number(perCall),
    folder,
  });
  console.log(JSON.stringify(facts));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
