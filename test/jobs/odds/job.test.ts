import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JobContext } from '../../../lib/core/job.ts';
import type { Result } from '../../../lib/core/outcome.ts';
import type { Match } from '../../../lib/jobs/odds/convert.ts';
import job from '../../../lib/jobs/odds/job.ts';
import type { Market, OddsOptions } from '../../../lib/jobs/odds/price.ts';
import { jobContext } from '../../support/job-context.ts';
import { exactMarket, exactNet } from './oracle.ts';

const { SLUICE_DATA = '../shared/data' } = process.env;
const DATA = `${SLUICE_DATA}/odds`;
const SEASONS = `${DATA}/jokecamp/football-data.co.uk`;
const PREMIER = `${SEASONS}/england/2015-2016/Premier.csv`;
const LIGUE_1 = `${SEASONS}/france/F1 (15).csv`;
const EXCHANGE = `${DATA}/betfair-flumine/BASIC-1.132153978`;

type Cells = Record<string, string>;

async function rowsOf(bytes: Uint8Array): Promise<Cells[]> {
  const layout = job.input.open(bytes, {});
  expect(layout.problem).toBeUndefined();
  const read = async (start: number, end: number) => bytes.subarray(start, end);
  const range = { start: layout.dataStart, end: bytes.length, first: 0 };
  const rows: Cells[] = [];
  for await (const block of layout.records(read, range, { maxRecordBytes: 1024 * 1024 })) {
    expect(block.errors?.size ?? 0).toBe(0);
    rows.push(...(block.rows as Cells[]));
  }
  return rows;
}

function contextOf(given: Record<string, unknown>): JobContext<OddsOptions> {
  const checked = job.options?.['~standard'].validate(given);
  if (checked === undefined || checked instanceof Promise || checked.issues) {
    throw new Error('the options must be accepted at once');
  }
  return jobContext(checked.value);
}

/** The outcome of a row: what `process` returned, or what it threw. */
async function outcome(row: Cells, options: Record<string, unknown> = {}): Promise<unknown> {
  try {
    return await job.process(row, contextOf(options));
  } catch (error) {
    return error;
  }
}

/** The market's odds as they stand in the file. */
function quoted(row: Cells, { book, close, line }: Market): string[] {
  const name = close ? `${book}C` : book;
  const columns = line ? [`${name}>2.5`, `${name}<2.5`] : [`${name}H`, `${name}D`, `${name}A`];
  return columns.map((column) => row[column] as string);
}

const MATCH = { Div: 'E0', Date: '08/08/15', HomeTeam: 'A', AwayTeam: 'B' };

describe('the odds job', () => {
  it('is a CPU-bound job over CSV', () => {
    expect(job).toMatchObject({ name: 'odds', cpu: true, input: { format: 'csv' } });
    expect(job.key?.(MATCH)).toBe('E0|2015-08-08|A|B');
  });

  it('gives ok, skipped, or a permanent error with its code', async () => {
    const odds = { BFEH: '2', BFED: '3.6', BFEA: '4' };
    expect(await outcome({ ...MATCH, ...odds })).toMatchObject({
      status: 'ok',
      value: { markets: [{ book: 'BFE', net: ['1.950', '3.470', '3.850'] }] },
    });
    expect(await outcome(MATCH)).toEqual({ status: 'skipped', reason: 'no odds' });
    expect(await outcome({ ...MATCH, ...odds, BFEH: 'N/A' })).toMatchObject({
      kind: 'permanent',
      code: 'ODDS_NOT_A_NUMBER',
      message: expect.stringContaining('BFEH is "N/A"'),
    });
  });

  it('keeps the options of two batches apart', () => {
    const row = { ...MATCH, B365H: '2', B365D: '3', B365A: '4' };
    const [one, two] = [
      contextOf({ commission: '2%' }),
      contextOf({ commission: '10%', places: '2' }),
    ];
    const net = (context: JobContext<OddsOptions>) =>
      (job.process(row, context) as Result<Match> as { value: Match }).value.markets[0]?.net;
    for (let i = 0; i < 2; i++) {
      expect(net(one)).toEqual(['1.980', '2.960', '3.940']);
      expect(net(two)).toEqual(['1.90', '2.80', '3.70']);
    }
  });
});

describe.skipIf(!existsSync(PREMIER))('a real season of the Premier League', () => {
  const RATE = '0.065';

  it('gives 380 matches whose every number is exact', async () => {
    const rows = await rowsOf(readFileSync(PREMIER));
    expect(rows).toHaveLength(380);
    let markets = 0;
    const context = contextOf({ commission: RATE });
    for (const row of rows) {
      const done = (await job.process(row, context)) as { status: 'ok'; value: Match };
      expect(done.status).toBe('ok');
      expect(done.value.date).toMatch(/^201[56]-\d\d-\d\d$/);
      for (const market of done.value.markets) {
        const terms = { commission: RATE, places: 3, rounding: 'half-up' } as const;
        const odds = quoted(row, market);
        expect(market.net).toEqual(odds.map((one) => exactNet(one, terms)));
        expect(market).toMatchObject(exactMarket(odds, 'half-up'));
        markets++;
      }
    }
    // 12 markets a match; BW has no odds for one of them.
    expect(markets).toBe(380 * 12 - 1);
  });
});

describe.skipIf(!existsSync(LIGUE_1))('a real season without odds', () => {
  it('skips its 306 matches; its 246 lines of commas are no records', async () => {
    const reasons = new Map<string, number>();
    for (const row of await rowsOf(readFileSync(LIGUE_1))) {
      const { reason } = (await outcome(row)) as { reason: string };
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    expect(Object.fromEntries(reasons)).toEqual({ 'no odds': 306 });
  });
});

describe.skipIf(!existsSync(EXCHANGE))('a real recording of the Betfair Exchange', () => {
  it('states its commission in percent: its marketBaseRate followed by % is that commission', async () => {
    const recording = readFileSync(EXCHANGE, 'utf8');
    const rates = new Set(
      [...recording.matchAll(/"marketBaseRate":([\d.]+)/g)].map(([, rate]) => rate),
    );
    expect([...rates]).toEqual(['5.0']);
    const prices = [...recording.matchAll(/"ltp":([\d.]+)/g)].map(([, price]) => price as string);
    expect(prices.length).toBeGreaterThan(20);
    const context = contextOf({ commission: `BFE=${[...rates][0]}%` });
    for (const price of prices) {
      const row = { ...MATCH, BFEH: price, BFED: '3.6', BFEA: '4' };
      const done = (await job.process(row, context)) as { value: Match };
      const exact = exactNet(price, { commission: '0.05', places: 3, rounding: 'half-up' });
      expect(done.value.markets[0]?.net[0]).toBe(exact);
    }
  });
});
