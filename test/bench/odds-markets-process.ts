import { gzipSync } from 'node:zlib';
import { BUILT_IN_CLUBS } from '../../lib/jobs/odds/built-in-clubs.ts';
import { createClubs } from '../../lib/jobs/odds/clubs.ts';
import { createListingReader, type Listing } from '../../lib/jobs/odds/listing.ts';
import job from '../../lib/jobs/odds/markets-job.ts';
import { mergeListings } from '../../lib/jobs/odds/merge.ts';
import { createMergedPricer } from '../../lib/jobs/odds/merged-price.ts';
import type { Cells } from '../../lib/jobs/odds/quotes.ts';
import { writeSources } from '../../lib/jobs/odds/sample-sources.ts';
import { cpuOfRow } from './median.ts';

const MATCHES = 10_000;
const ROUNDS = 7;

/** CPU time of each loop of the odds-markets path, by row of the input; medians, the first round only warms up. */
export async function benchOddsMarketsProcess(): Promise<void> {
  const files = ['', ''] as [string, string];
  await writeSources({
    matches: MATCHES,
    writeFootballData: (text) => (files[0] += text),
    writeBeatTheBookie: (text) => (files[1] += text),
  });
  const sources = files.map((text) => Buffer.from(text));
  const parse = async (): Promise<Cells[]> => {
    const rows: Cells[] = [];
    for (const bytes of sources) {
      const layout = job.input.open(bytes, {});
      const read = async (start: number, end: number) => bytes.subarray(start, end);
      const range = { start: layout.dataStart, end: bytes.length, first: 0 };
      for await (const block of layout.records(read, range, { maxRecordBytes: 1 << 20 })) {
        for (const row of block.rows) rows.push(row as Cells);
      }
    }
    return rows;
  };
  const rows = await parse();
  const read = createListingReader(createClubs(BUILT_IN_CLUBS));
  const listings = rows.map((row) => (read(row) as { value: Listing }).value);
  const pairs = byPair(listings);
  const merged = pairs.flatMap((own) => mergeListings(own, 1));
  const price = createMergedPricer({ commission: '2%' });
  const texts = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value));
  const stringify = (values: readonly unknown[]) => each(values, (value) => JSON.stringify(value));
  const priced = merged.map(price);
  const loops: [name: string, work: () => unknown][] = [
    ['parse (csv -> rows)', parse],
    ['read (rows -> listings)', each(rows, read)],
    ['merge (listings of a pair -> matches)', each(pairs, (own) => mergeListings(own, 1))],
    ['price (matches -> markets)', each(merged, price)],
    ['stringify listings', stringify(listings)],
    ['stringify matches', stringify(merged)],
    ['stringify priced matches', stringify(priced)],
    ...[listings, merged, priced].map((values, at): [string, () => unknown] => {
      const text = texts(values).join('\n');
      const name = ['listings', 'matches', 'priced matches'][at];
      return [
        `gzip level 1 of ${name}, ${count(text.length / rows.length)} bytes a row`,
        () => gzipSync(text, { level: 1 }),
      ];
    }),
    ['JSON.parse of listings', each(texts(listings), (text) => JSON.parse(text))],
    ['JSON.parse of matches', each(texts(merged), (text) => JSON.parse(text))],
  ];
  console.log(`${rows.length} rows, ${pairs.length} pairs, ${merged.length} matches`);
  const figures: [string, number][] = [];
  for (const [name, work] of loops)
    figures.push([name, await cpuOfRow({ rows: rows.length, rounds: ROUNDS }, work)]);
  const sum = figures.reduce((all, [, one]) => all + one, 0);
  for (const [name, one] of [...figures, ['all', sum] as [string, number]]) {
    console.log(
      `  ${name.padEnd(55)} ${one.toFixed(2).padStart(6)} us/row ${((one / sum) * 100).toFixed(1).padStart(5)} %`,
    );
  }
}

function byPair(listings: readonly Listing[]): Listing[][] {
  const pairs = new Map<string, Listing[]>();
  for (const one of listings) {
    const known = pairs.get(one.pair);
    if (known === undefined) pairs.set(one.pair, [one]);
    else known.push(one);
  }
  return [...pairs.values()];
}

/** What is made is dropped at once: kept for later it would be copied by every collection. */
function each<T>(values: readonly T[], work: (value: T) => unknown): () => unknown {
  return () => {
    let done = 0;
    for (const value of values) if (work(value) !== undefined) done++;
    return done;
  };
}

const count = (value: number): string => String(Math.round(value));

if (process.argv[1]?.endsWith('odds-markets-process.ts')) await benchOddsMarketsProcess();
