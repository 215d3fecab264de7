import { CSV_PARSE, peers, peerUrl } from './peers.ts';
import type { Bench, Variant } from './support.ts';
import { against, figure, row } from './table.ts';

const PARSERS = [
  { name: 'sluice', parser: 'sluice' },
  { name: 'csv-parse objects', parser: 'objects' },
  { name: 'csv-parse arrays', parser: 'arrays' },
] as const;

export const csvBench: Bench = {
  name: 'csv',
  about: 'csv() before any schema, cuts included, and csv-parse (wanted: >= 3.5x per CPU-second)',
  async run({ options, size, measure, table, say }) {
    const mb = size(options.mb, 60, 2);
    const folder = await peers([CSV_PARSE]);
    const csvParse = folder === undefined ? undefined : await peerUrl(folder, 'csv-parse');
    const parsers = PARSERS.filter(({ parser }) => parser === 'sluice' || csvParse !== undefined);
    const variants = [false, true].flatMap((quoted) =>
      parsers.map(
        ({ name, parser }): Variant => ({
          name: `${name}, ${quoted ? 'quoted' : 'unquoted'}`,
          n: mb * 1e6,
          task: 'csv',
          spec: { mb, quoted, parser, csvParse },
        }),
      ),
    );
    const rows = await measure(variants);
    table(rows, [figure('MB per CPU-s', 'mbPerCpuS', 1), figure('rows', 'rows')]);
    if (csvParse === undefined) return say(`${CSV_PARSE} skipped: needs the npm registry`);
    for (const kind of ['unquoted', 'quoted']) {
      const speed = (name: string) => row(rows, `${name}, ${kind}`).figures['mbPerCpuS'] ?? 0;
      const [objects, arrays] = ['csv-parse objects', 'csv-parse arrays'].map(
        (name) => speed('sluice') / speed(name),
      );
      say(`${kind}: / csv-parse objects: ${against(objects ?? 0, '>=', 3.5)}`);
      say(`${kind}: / csv-parse arrays:  ${against(arrays ?? 0, '>=', 3.5)}`);
    }
  },
};
