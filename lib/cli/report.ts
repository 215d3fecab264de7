import type { Home } from '../app/home.ts';
import { readReport } from '../app/read-report.ts';
import { requireBatch } from '../app/run-batch.ts';
import type { Batch } from '../engine/batch.ts';
import { items } from '../engine/items.ts';
import { EXIT } from './exit-codes.ts';
import { newLines } from './lines.ts';
import { showReport } from './show-end.ts';
import type { Cli } from './terminal.ts';
import { inHome } from './with-home.ts';

export async function reportCommand(
  cli: Cli,
  { batch: id, details }: { batch: string; details: boolean },
): Promise<number> {
  return inHome(cli, async (home) => {
    const batch = await requireBatch(home, id);
    if (details) await streamDetails(cli, home, batch);
    else {
      const { bytes, report } = await readReport(home, batch);
      // As it is stored, so that its digest can be taken.
      if (cli.json) await cli.out(Buffer.from(bytes).toString());
      else await showReport(cli, home, { batch, report });
    }
    return EXIT.ok;
  });
}

/** Every item recorded so far, joined with its attempt facts: one JSON line each, whatever their number. */
async function streamDetails(cli: Cli, home: Home, batch: Batch): Promise<void> {
  const lines = newLines(cli);
  for await (const { outcome, facts } of items(home, batch, {})) {
    await lines.add(JSON.stringify({ ...outcome, ...facts }));
  }
  await lines.flush();
}
