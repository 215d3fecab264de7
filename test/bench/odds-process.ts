import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { JobContext } from '../../lib/core/job.ts';
import {
  createConverter,
  type Market,
  type OddsOptions,
  type Row,
} from '../../lib/jobs/odds/convert.ts';
import job from '../../lib/jobs/odds/job.ts';
import { writeSample } from '../../lib/jobs/odds/sample.ts';

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
  const rows = await parse(season);
  const repeat = Math.ceil(SAMPLE_ROWS / rows.length);
  const context = contextOf({ commission: '2%' });
  const timed = (work: (row: Row) => unknown) =>
    medianOf(repeat * rows.length, () => {
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
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const { signal } = new AbortController();
  return { index: 0, attempt: 1, signal, log, now: 0, rng: () => 0, options: checked.value };
}

/** CPU microseconds per row, all threads of the process: steadier on a busy machine than the clock. */
async function medianOf(rows: number, work: () => unknown): Promise<number> {
  const figures: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    if (round > 0) figures.push((user + system) / rows);
  }
  figures.sort((a, b) => a - b);
  return figures[Math.floor(ROUNDS / 2)] as number;
}

const thousands = (value: number): string => `${Math.round(value / 1000)}k`.padStart(6);

async function benchLoops(sample: Buffer): Promise<OddsFigures['loops']> {
  const rows = await parse(sample);
  const context = contextOf({ commission: '2%' });
  // Results are dropped at once, as a worker does: keeping 20,000 of them costs 4 times the conversion.
  const convert = () => {
    let done = 0;
    for (const [index, row] of rows.entries()) if (attempt(row, index).index >= 0) done++;
    return done;
  };
  const attempt = (row: Row, index: number) => {
    const key = job.key?.(row as Cells) ?? null;
    try {
      return { index, key, ...(job.process(row as Cells, context) as object) };
    } catch (error) {
      const { kind, code, message } = error as Record<string, unknown>;
      return { index, key, status: 'failed', error: { kind, code, message } };
    }
  };
  const outcomes = rows.map(attempt);
  const blocks = () => {
    const texts: string[] = [];
    for (let i = 0; i < outcomes.length; i += CHUNK) {
      const lines = outcomes.slice(i, i + CHUNK).map((outcome) => JSON.stringify(outcome));
      texts.push(`${lines.join('\n')}\n`);
    }
    return texts;
  };
  const texts = blocks();
  const zipped = texts.map((text) => gzipSync(text, { level: 1 }));
  const steps: [name: string, work: () => unknown][] = [
    ['parse (csv -> rows)', () => eachBlock(sample, () => undefined)],
    ['convert (key + process)', convert],
    ['stringify (outcomes -> lines)', blocks],
    ['gzip level 1', () => texts.map((text) => gzipSync(text, { level: 1 }))],
    [
      'SHA-256 of the gzip members',
      () => zipped.map((bytes) => createHash('sha256').update(bytes).digest()),
    ],
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
  const times: { name: string; microseconds: number }[] = [];
  for (const [name, work] of steps) {
    times.push({ name, microseconds: await medianOf(SAMPLE_ROWS, work) });
  }
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

/** The plain way: the same markets and shape, by Number and Math.round. */
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
    markets.push({ book, odds: texts, net, overPpm, fairPpm });
  }
  const { Div: div, Date: date, HomeTeam: home, AwayTeam: away } = row;
  return { status: 'ok', value: { div, date, home, away, markets } };
}

const byMathRound = (odds: number, commission: number): number =>
  Math.round(((odds - 1) * (1 - commission) + 1) * 1000) / 1000;
const byToFixed = (odds: number, commission: number): number =>
  Number(((odds - 1) * (1 - commission) + 1).toFixed(3));

function wrongShares(rows: readonly Row[]): OddsFigures['wrong'] {
  const figures: OddsFigures['wrong'] = [];
  for (const commission of ['0.02', '0.05', '0.065']) {
    const convert = createConverter({ commission });
    const markets = rows.map((row) => {
      const done = convert(row);
      return 'value' in done ? done.value.markets : [];
    });
    for (const [rounding, compute] of [
      ['Math.round', byMathRound],
      ['toFixed(3)', byToFixed],
    ] as const) {
      const bad = markets.map((all) =>
        countWrong(all, (odds) => compute(odds, Number(commission))),
      );
      const total = markets.flat().reduce((sum, { odds }) => sum + odds.length, 0);
      const figure = {
        commission,
        rounding,
        odds: bad.reduce((sum, one) => sum + one, 0) / total,
        rows: bad.filter((one) => one > 0).length / rows.length,
      };
      figures.push(figure);
      console.log(
        `  ${rounding} at ${commission}: wrong in ${(figure.odds * 100).toFixed(2)} % of the odds, ` +
          `${(figure.rows * 100).toFixed(1)} % of the rows`,
      );
    }
  }
  return figures;
}

function countWrong(markets: readonly Market[], compute: (odds: number) => number): number {
  let wrong = 0;
  for (const { odds, net } of markets) {
    for (const [i, text] of odds.entries()) if (compute(Number(text)) !== Number(net[i])) wrong++;
  }
  return wrong;
}

if (process.argv[1]?.endsWith('odds-process.ts')) await benchOddsProcess();
