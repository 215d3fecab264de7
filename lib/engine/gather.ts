import { createHash } from 'node:crypto';
import { DETAILS_LIMIT, type Detail, type FailureGroup } from '../core/report.ts';
import { joinedRows, type LoadedPart } from './committed-parts.ts';
import { newBlockDigest } from './digest-blocks.ts';
import type { Trailer } from './part.ts';
import { addTrailer, noSums, type TrailerSums } from './trailer-sums.ts';

/** Examples that the report shows of each code. */
const EXAMPLES = 5;

/** What a report is built from: the sums of all trailers, the digests, and the items when they are few. */
export interface Totals extends TrailerSums {
  details: Detail[] | undefined;
  outcomesDigest: string;
  manifestDigest: string;
}

export interface Gathering {
  /** Adds one part, in index order, and returns its line of the manifest. */
  add(loaded: LoadedPart): Promise<string>;
  /** To be asked for once, after the last part. */
  totals(): Totals;
}

/** One pass over all parts. `total` decides whether the report details every item. */
export function newGathering(total: number): Gathering {
  const outcomes = newBlockDigest();
  const manifest = createHash('sha256');
  const sums = noSums();
  const details: Detail[] | undefined = total <= DETAILS_LIMIT ? [] : undefined;
  return {
    async add(loaded) {
      outcomes.update(loaded.outcomes);
      addTrailer(sums, loaded.trailer);
      if (details !== undefined || wantsExamples(sums, loaded.trailer)) {
        for await (const { outcome, facts } of joinedRows(loaded)) {
          details?.push({ ...outcome, ...facts });
          if ('error' in outcome) addExample(sums.groups, outcome);
        }
      }
      const { chunk, epoch, key, sha256, part, trailer } = loaded;
      const { first, items } = trailer;
      const line = { chunk, epoch, key, bytes: part.bytes.length, sha256, first, items };
      const text = `${JSON.stringify(line)}\n`;
      manifest.update(text);
      return text;
    },
    totals: () => ({
      ...sums,
      details,
      outcomesDigest: outcomes.hex(),
      manifestDigest: manifest.digest('hex'),
    }),
  };
}

const wantsExamples = (sums: TrailerSums, { codes }: Trailer): boolean =>
  Object.keys(codes).some((code) => (sums.groups.get(code)?.examples.length ?? 0) < EXAMPLES);

interface FailedItem {
  index: number;
  key: string | null;
  error: { code: string; message: string };
}

function addExample(groups: Map<string, FailureGroup>, { index, key, error }: FailedItem): void {
  const group = groups.get(error.code) ?? groups.get('OTHER');
  if (group !== undefined && group.examples.length < EXAMPLES) {
    group.examples.push({ index, key, message: error.message });
  }
}
