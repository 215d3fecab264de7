import { SluiceError } from '../core/errors.ts';
import { reportKey } from '../core/keys.ts';
import type { Report } from '../core/report.ts';
import { hasEnded } from '../core/transitions.ts';
import type { Batch } from '../engine/batch.ts';
import type { Place } from './place.ts';

/** A stored report: its bytes as they were written, and what they say. */
export interface StoredReport {
  bytes: Uint8Array;
  report: Report;
}

/** The report of a round that has ended. Throws `STATE` while it has not, `DAMAGED` when it is gone. */
export async function readReport(
  { objects, where = (key) => key }: Pick<Place, 'objects'> & Partial<Pick<Place, 'where'>>,
  batch: Batch,
): Promise<StoredReport> {
  const { id, round, status } = batch;
  if (!hasEnded(status)) {
    throw new SluiceError('STATE', `Batch ${id} has not ended: it has no report yet.`, {
      hint: `See: sluice status ${id}`,
    });
  }
  const key = reportKey(id, round, 'report.json');
  const bytes = await objects.get(key);
  if (bytes === undefined)
    throw new SluiceError('DAMAGED', `The report of batch ${id} is missing: ${where(key)}`);
  try {
    return { bytes, report: JSON.parse(Buffer.from(bytes).toString()) as Report };
  } catch (error) {
    throw new SluiceError('DAMAGED', `The report of batch ${id} is damaged: ${where(key)}`, {
      hint: `See what else differs: sluice verify ${id}`,
      cause: error,
    });
  }
}
