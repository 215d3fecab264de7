import { createHash } from 'node:crypto';
import { DETAILS_LIMIT, type Detail } from '../core/report.ts';
import { type JoinedRow, joinedRows, type LoadedPart } from './committed-parts.ts';
import { newBlockDigest } from './digest-blocks.ts';
import { addExample } from './failure-groups.ts';
import { addTrailer, noSums, type TrailerSums } from './trailer-sums.ts';

/** What a report is built from: the sums of all trailers, the digests, and the items when they are few. */
export interface Totals extends TrailerSums {
  byStage: TrailerSums[];
  details: Detail[] | undefined;
  outcomesDigest: string;
  manifestDigest: string;
}

export interface Gathering {
  /** Adds one part, in index order: its line of the manifest, and its lines of failures.jsonl. */
  add(loaded: LoadedPart): Promise<{ manifest: string; failures: string }>;
  /** To be asked for once, after the last part. */
  totals(): Totals;
}

/**
 * One pass over all parts. `total` decides whether the report details every item; in a later round each row goes
 * to `onRow` instead, since failures and details are then those of the batch.
 */
export function newGathering(total: number, onRow?: (row: JoinedRow) => Promise<void>): Gathering {
  const outcomes = newBlockDigest();
  const manifest = createHash('sha256');
  const sums = noSums();
  const byStage: TrailerSums[] = [];
  const details: Detail[] | undefined =
    total <= DETAILS_LIMIT && onRow === undefined ? [] : undefined;
  return {
    async add(loaded) {
      outcomes.update(loaded.outcomes);
      addTrailer(sums, loaded.trailer);
      byStage[loaded.stage] ??= noSums();
      addTrailer(byStage[loaded.stage] as TrailerSums, loaded.trailer);
      const stage = loaded.stage === 0 ? {} : { stage: loaded.stage };
      let failures = '';
      const failedOnly = details === undefined;
      if (onRow !== undefined) {
        for await (const row of joinedRows(loaded)) await onRow(row);
      } else if (!failedOnly || Object.keys(loaded.trailer.codes).length > 0) {
        for await (const { outcome, facts, kept } of joinedRows(loaded, { failedOnly })) {
          details?.push({ ...outcome, ...facts });
          if (!('error' in outcome)) continue;
          addExample(sums.groups, outcome);
          const { index, key, status, error } = outcome;
          const line = {
            sluice: 'failure/1',
            index,
            key,
            status,
            error,
            ...facts,
            ...kept,
          };
          failures += `${JSON.stringify(line)}\n`;
        }
      }
      const { chunk, epoch, key, sha256, first, part, trailer } = loaded;
      const { items } = trailer;
      const line = { ...stage, chunk, epoch, key, bytes: part.bytes.length, sha256, first, items };
      const text = `${JSON.stringify(line)}\n`;
      manifest.update(text);
      return { manifest: text, failures };
    },
    totals: () => ({
      ...sums,
      byStage,
      details,
      outcomesDigest: outcomes.hex(),
      manifestDigest: manifest.digest('hex'),
    }),
  };
}
