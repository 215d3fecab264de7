import { createHash } from 'node:crypto';
import { DETAILS_LIMIT, type Detail } from '../core/report.ts';
import { type JoinedRow, joinedRows, type ReadPart, type UnpackedPart } from './committed-parts.ts';
import { type DigestedPart, hasOwnBlocks, newOutcomesDigest } from './digest-blocks.ts';
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
  /** Whether the outcomes of a part have to be unpacked. */
  reads(part: ReadPart): boolean;
  /** Adds one part, in index order: its line of the manifest, and its lines of failures.jsonl. */
  add(part: UnpackedPart): Promise<{ manifest: string; failures: string }>;
  /** To be asked for once, after the last part. */
  totals(): Totals;
}

export interface GatheringOptions {
  /** Items of all parts: few are detailed in the report. */
  total: number;
  /** Chunks of a stage. */
  chunksOf(stage: number): number;
  /** Takes each row of a later round, since failures and details are then those of the batch. */
  onRow: ((row: JoinedRow) => Promise<void>) | undefined;
  /** Hashes every outcome line again, whatever the parts say. */
  recompute: boolean;
}

/** One pass over all parts. */
export function newGathering({ total, chunksOf, onRow, recompute }: GatheringOptions): Gathering {
  const outcomes = newOutcomesDigest();
  const manifest = createHash('sha256');
  const sums = noSums();
  const byStage: TrailerSums[] = [];
  const details: Detail[] | undefined =
    total <= DETAILS_LIMIT && onRow === undefined ? [] : undefined;
  const every = details !== undefined || onRow !== undefined;
  const digested = ({ stage, chunk, before, trailer }: ReadPart): DigestedPart => ({
    ...{ stage, before, items: trailer.items, last: chunk === chunksOf(stage) - 1 },
    blocks: trailer.blocks === undefined ? undefined : Buffer.from(trailer.blocks, 'base64'),
  });
  const hashed = (part: DigestedPart): boolean => !recompute && hasOwnBlocks(part);
  return {
    reads: (part) => every || !hashed(digested(part)),
    async add(loaded) {
      const own = digested(loaded);
      outcomes.add(own, hashed(own) ? undefined : loaded.outcomes);
      addTrailer(sums, loaded.trailer);
      byStage[loaded.stage] ??= noSums();
      addTrailer(byStage[loaded.stage] as TrailerSums, loaded.trailer);
      const stage = loaded.stage === 0 ? {} : { stage: loaded.stage };
      let failures = '';
      if (onRow !== undefined) {
        for await (const row of joinedRows(loaded)) await onRow(row);
      } else if (every || Object.keys(loaded.trailer.codes).length > 0) {
        for await (const { outcome, facts, kept } of joinedRows(loaded, { failedOnly: !every })) {
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
