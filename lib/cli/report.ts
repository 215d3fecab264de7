import { type Place, requireBatch } from '../app/place.ts';
import { readReport } from '../app/read-report.ts';
import { saveReport } from '../app/save-report.ts';
import { SluiceError } from '../core/errors.ts';
import type { Batch } from '../engine/batch.ts';
import { items } from '../engine/items.ts';
import { batchInRound } from '../engine/rounds.ts';
import { EXIT } from './exit-codes.ts';
import { wholeNumber } from './flags.ts';
import { newLines } from './lines.ts';
import { showReport } from './show-end.ts';
import { type Cli, shortPath } from './terminal.ts';
import { inPlace } from './with-place.ts';

export interface ReportFlags {
  details?: boolean;
  /** Folder into which the report's files are copied. */
  save?: string;
  /** Of an earlier round. */
  round?: string;
}

export async function reportCommand(
  cli: Cli,
  { batch: id, flags }: { batch: string; flags: ReportFlags },
): Promise<number> {
  const { details, save } = flags;
  const round =
    flags.round === undefined
      ? undefined
      : wholeNumber('--round', flags.round, { min: 0, unit: 'round, from 0' });
  if (details && save !== undefined) {
    throw new SluiceError('USAGE', '--details and --save cannot be used together.');
  }
  return inPlace(cli, async (place) => {
    const newest = await requireBatch(place, id);
    const batch = round === undefined ? newest : await inRound(place, newest, round);
    if (details) {
      await streamDetails(cli, place, batch);
      return EXIT.ok;
    }
    const { bytes, report } = await readReport(place, batch);
    if (save !== undefined) {
      const files = await saveReport(place, batch, save);
      if (cli.json) await cli.out(`${JSON.stringify({ batch: id, files })}\n`);
      else await cli.out(`${files.map(shortPath).join('\n')}\n`);
    }
    // As it is stored, so that its digest can be taken.
    else if (cli.json) await cli.out(Buffer.from(bytes).toString());
    else await showReport(cli, place, { batch, report });
    return EXIT.ok;
  });
}

async function inRound(place: Place, newest: Batch, round: number): Promise<Batch> {
  if (round <= newest.round) return batchInRound(place.store, newest, round);
  throw new SluiceError('NOT_FOUND', `Batch ${newest.id} has no round ${round}.`, {
    hint: `Its newest is round ${newest.round}.`,
  });
}

/** Every item recorded so far, joined with its attempt facts: one JSON line each, whatever their number. */
async function streamDetails(cli: Cli, place: Place, batch: Batch): Promise<void> {
  const lines = newLines(cli);
  for await (const { outcome, facts } of items(place, batch, {})) {
    await lines.add(JSON.stringify({ ...outcome, ...facts }));
  }
  await lines.flush();
}
