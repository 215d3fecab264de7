import { existsSync, readFileSync } from 'node:fs';
import { openCsv } from '../../lib/io/csv.ts';
import { marketsOf } from '../../lib/jobs/odds/books.ts';
import { createConverter, type Row } from '../../lib/jobs/odds/convert.ts';
import type { Market } from '../../lib/jobs/odds/price.ts';
import { BIG, peers, peerUrl } from './peers.ts';

const { SLUICE_DATA = '../shared/data' } = process.env;
const SEASON = `${SLUICE_DATA}/odds/jokecamp/football-data.co.uk/england/2015-2016/Premier.csv`;
const COMMISSIONS = ['0.02', '0.05', '0.065'];

interface Big {
  minus(other: Big | string | number): Big;
  times(other: Big): Big;
  plus(other: number): Big;
  toFixed(places: number, rounding: number): string;
}
type NewBig = (value: string | number) => Big;
const HALF_UP = 1;

/** Every net value of a real season, computed once more with big.js: texts must be equal. */
export async function compareWithBig(say: (line: string) => void): Promise<void> {
  if (!existsSync(SEASON)) return say(`${BIG} skipped: needs ${SEASON}`);
  const folder = await peers([BIG]);
  if (folder === undefined) return say(`${BIG} skipped: needs the npm registry`);
  const { default: big } = (await import(await peerUrl(folder, 'big.js'))) as { default: NewBig };
  const rows = await rowsOf(readFileSync(SEASON));
  let [values, different] = [0, 0];
  for (const commission of COMMISSIONS) {
    const convert = createConverter({ commission });
    const kept = big(1).minus(commission);
    for (const row of rows) {
      const done = convert(row);
      if (!('value' in done)) continue;
      for (const market of done.value.markets) {
        for (const [at, column] of columnsOf(row, market).entries()) {
          const net = big(row[column] ?? '')
            .minus(1)
            .times(kept)
            .plus(1)
            .toFixed(3, HALF_UP);
          values += 1;
          if (net !== market.net[at]) different += 1;
        }
      }
    }
  }
  say(`${BIG} on a real season: ${values} net values, ${different} different`);
  if (values === 0 || different > 0) throw new Error('Net odds differ from those of big.js.');
}

function columnsOf(row: Row, { book, close, line }: Market): readonly string[] {
  const found = marketsOf(Object.keys(row)).find(
    (market) =>
      market.book === book &&
      market.close === (close ?? false) &&
      (market.columns.length === 2) === (line !== undefined),
  );
  if (found === undefined) throw new Error(`The header has no market of ${book}.`);
  return found.columns;
}

async function rowsOf(bytes: Buffer): Promise<Row[]> {
  const layout = openCsv(bytes, {});
  const read = async (start: number, end: number) => bytes.subarray(start, end);
  const range = { start: layout.dataStart, end: bytes.length, first: 0 };
  const rows: Row[] = [];
  for await (const block of layout.records(read, range, { maxRecordBytes: 1 << 20 })) {
    for (const row of block.rows) if (row !== undefined) rows.push(row as Row);
  }
  return rows;
}
