import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { JobContext } from '../../lib/core/job.ts';
import { createConverter, type Row } from '../../lib/jobs/odds/convert.ts';
import { parseOdds } from '../../lib/jobs/odds/decimal.ts';
import job from '../../lib/jobs/odds/job.ts';
import { netOdds } from '../../lib/jobs/odds/net.ts';
import type { OddsOptions } from '../../lib/jobs/odds/price.ts';
import { writeSample } from '../../lib/jobs/odds/sample.ts';
import { jobContext } from '../support/job-context.ts';
import { cpuOfRow } from './median.ts';

const { SLUICE_DATA = '../shared/data' } = process.env;
const SEASON = `${SLUICE_DATA}/odds/jokecamp/football-data.co.uk/england/2015-2016/Premier.csv`;
const SAMPLE_ROWS = 20_000;
const CHUNK = 1000;
const ROUNDS = 7;

export interface OddsFigures {
  /** CPU microseconds per row of each loop, on one thread. */
  loops: { name: string; microseconds: number; share: number }[];
  /** Rows per CPU-second of `process` alone. */
  exactRows: number;
  numberRows: number;
  /** Shares that Number maths gets wrong, by commission and way of rounding. */
  wrong: { commission: string; rounding: string; odds: number; rows: number }[];
}

/**
 * CPU time of each loop of the odds path, and what exact integers cost and save against Number maths.
 * Prints as it goes. Medians; the first round of each only warms up.
 */
export async function benchOddsProcess(): Promise<OddsFigures> {
  const sample = await sampleBytes();
  const season = existsSync(SEASON) ? readFileSync(SEASON) : sample;
  const convert = createConverter();
  const rows = (await parse(season)).filter((row) => 'value' in convert(row));
  const repeat = Math.ceil(SAMPLE_ROWS / rows.length);
  const context = contextOf({ commission: '2%' });
  const timed = (work: (row: Row) => unknown) =>
    cpuOfRow({ rows: repeat * rows.length, rounds: ROUNDS }, () => {
      for (let i = 0; i < repeat; i++) for (const row of rows) work(row);
    });
  console.log(
    `process alone, ${rows.length} rows of ${season === sample ? 'the sample' : 'a real season'}`,
  );
  const exactRows = 1e6 / (await timed((row) => job.process(row as Cells, context)));
  console.log(`  exact integers  ${thousands(exactRows)} rows/CPU-s`);
  const numberRows = 1e6 / (await timed((row) => numberMatch(row, 0.02)));
  console.log(`  Number maths    ${thousands(numberRows)} rows/CPU-s`);
  const loops = await benchLoops(sample);
  const wrong = wrongShares(rows);
  return { loops, exactRows, numberRows, wrong };
}

type Cells = Record<string, string>;

async function sampleBytes(): Promise<Buffer> {
  const blocks: string[] = [];
  await writeSample({ rows: SAMPLE_ROWS, write: (block) => blocks.push(block) });
  return Buffer.from(blocks.join(''));
}

async function parse(bytes: Uint8Array): Promise<Row[]> {
  const rows: Row[] = [];
  await eachBlock(bytes, (block) => {
    for (const row of block) if (row !== undefined) rows.push(row as Row);
  });
  return rows;
}

async function eachBlock(
  bytes: Uint8Array,
  use: (rows: readonly unknown[]) => void,
): Promise<void> {
  const layout = job.input.open(bytes, {});
  const read = async (start: number, end: number) => bytes.subarray(start, end);
  const range = { start: layout.dataStart, end: bytes.length, first: 0 };
  for await (const block of layout.records(read, range, { maxRecordBytes: 1 << 20 }))
    use(block.rows);
}

function contextOf(given: Record<string, unknown>): JobContext<OddsOptions> {
  const checked = job.options?.['~standard'].validate(given);
  if (checked === undefined || checked instanceof Promise || checked.issues) {
    throw new Error('the options must be accepted at once');
  }
  return jobContext(checked.value);
}

const thousands = (value: number): string => `${Math.round(value / 1000)}k`.padStart(6);

async function benchLoops(sample: Buffer): Promise<OddsFigures['loops']> {
  const rows = await parse(sample);
  const context = contextOf({ commission: '2%' });
  const outcome = (row: Row, index: number): object => {
    const key = job.key?.(row as Cells) ?? null;
    try {
      return { index, key, ...(job.process(row as Cells, context) as object) };
    } catch (error) {
      const { kind, code, message } = error as Record<string, unknown>;
      return { index, key, status: 'failed', error: { kind, code, message } };
    }
  };
  // An outcome is dropped or made text at once. Kept for later, outcomes survive a collection, V8 then
  // allocates all of them in old space, and converting takes 24 us a row instead of 6.
  const convert = () => {
    let done = 0;
    for (let i = 0; i < rows.length; i++) if ('index' in outcome(rows[i] as Row, i)) done++;
    return done;
  };
  const write = () => {
    const blocks: string[] = [];
    for (let first = 0; first < rows.length; first += CHUNK) {
      const lines: string[] = [];
      for (let i = first; i < Math.min(first + CHUNK, rows.length); i++) {
        lines.push(JSON.stringify(outcome(rows[i] as Row, i)));
      }
      blocks.push(`${lines.join('\n')}\n`);
    }
    return blocks;
  };
  const converting = await cpuOfRow({ rows: rows.length, rounds: ROUNDS }, convert);
  const writing = await cpuOfRow({ rows: rows.length, rounds: ROUNDS }, write);
  const texts = write();
  const zip = () => texts.map((text) => gzipSync(text, { level: 1 }));
  const zipped = zip();
  const hash = () => zipped.map((bytes) => createHash('sha256').update(bytes).digest());
  const times = [
    {
      name: 'parse (csv -> rows)',
      microseconds: await cpuOfRow({ rows: rows.length, rounds: ROUNDS }, () =>
        eachBlock(sample, () => undefined),
      ),
    },
    { name: 'convert (key + process)', microseconds: converting },
    { name: 'stringify (outcomes -> lines)', microseconds: writing - converting },
    {
      name: 'gzip level 1',
      microseconds: await cpuOfRow({ rows: rows.length, rounds: ROUNDS }, zip),
    },
    {
      name: 'SHA-256 of the gzip members',
      microseconds: await cpuOfRow({ rows: rows.length, rounds: ROUNDS }, hash),
    },
  ];
  const sizes = {
    in: sample.length / SAMPLE_ROWS,
    out: texts.join('').length / SAMPLE_ROWS,
    zipped: zipped.reduce((all, bytes) => all + bytes.length, 0) / SAMPLE_ROWS,
  };
  console.log(
    `loops, ${SAMPLE_ROWS} rows of the sample; bytes a row: ${sizes.in.toFixed(0)} in, ` +
      `${sizes.out.toFixed(0)} out, ${sizes.zipped.toFixed(0)} gzipped`,
  );
  const sum = times.reduce((all, { microseconds }) => all + microseconds, 0);
  const loops = times.map((time) => ({ ...time, share: time.microseconds / sum }));
  for (const { name, microseconds, share } of loops) {
    console.log(
      `  ${name.padEnd(31)} ${microseconds.toFixed(2).padStart(6)} us/row ${(share * 100).toFixed(1).padStart(5)} %`,
    );
  }
  console.log(
    `  ${'all'.padEnd(31)} ${sum.toFixed(2).padStart(6)} us/row, ${thousands(1e6 / sum)} rows/CPU-s`,
  );
  return loops;
}

/** The plain way: the same markets and shape, by Number, Math.round and toFixed. */
const PREFIXES = ['B365', 'BW', 'IW', 'LB', 'PS', 'WH', 'VC', 'BbMx', 'BbAv', 'PSC'];
const MARKETS = [
  ...PREFIXES.map((book) => ({ book, columns: [`${book}H`, `${book}D`, `${book}A`] })),
  ...['BbMx', 'BbAv'].map((book) => ({ book, columns: [`${book}>2.5`, `${book}<2.5`] })),
];

function numberMatch(row: Row, commission: number): unknown {
  const markets: unknown[] = [];
  for (const { book, columns } of MARKETS) {
    const texts = columns.map((column) => row[column] ?? '');
    if (texts.includes('')) continue;
    const odds = texts.map(Number);
    const net = odds.map((value) => byMathRound(value, commission).toFixed(3));
    const sum = odds.reduce((all, value) => all + 1 / value, 0);
    const overPpm = Math.round((sum - 1) * 1e6);
    const fairPpm = odds.map((value) => Math.round((1 / value / sum) * 1e6));
    markets.push({ book, net, overPpm, fairPpm });
  }
  const { Div: div, Date: date, HomeTeam: home, AwayTeam: away } = row;
  return { status: 'ok', value: { div, date, home, away, markets } };
}

const byMathRound = (odds: number, commission: number): number =>
  Math.round(((odds - 1) * (1 - commission) + 1) * 1000) / 1000;
const byToFixed = (odds: number, commission: number): number =>
  Number(((odds - 1) * (1 - commission) + 1).toFixed(3));

function wrongShares(rows: readonly Row[]): OddsFigures['wrong'] {
  const quoted = rows.map((row) =>
    MARKETS.flatMap(({ columns }) => columns.map((column) => row[column] ?? '')).filter(
      (text) => text !== '',
    ),
  );
  const figures: OddsFigures['wrong'] = [];
  for (const commission of [200, 500, 650]) {
    const exact = netOdds({ commission, places: 3, rounding: 'half-up' });
    for (const [rounding, compute] of [
      ['Math.round', byMathRound],
      ['toFixed(3)', byToFixed],
    ] as const) {
      const isWrong = (text: string) =>
        compute(Number(text), commission / 10_000) !== Number(exact(parseOdds(text)));
      const bad = quoted.map((texts) => texts.filter(isWrong).length);
      const figure = {
        commission: `${commission / 100}%`,
        rounding,
        odds: bad.reduce((sum, one) => sum + one, 0) / quoted.flat().length,
        rows: bad.filter((one) => one > 0).length / rows.length,
      };
      figures.push(figure);
      console.log(
        `  ${rounding} at ${figure.commission}: wrong in ${(figure.odds * 100).toFixed(2)} % of ` +
          `the odds, ${(figure.rows * 100).toFixed(1)} % of the rows`,
      );
    }
  }
  return figures;
}

if (process.argv[1]?.endsWith('odds-process.ts')) await benchOddsProcess();
