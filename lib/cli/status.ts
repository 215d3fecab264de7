import { type Place, requireBatch } from '../app/place.ts';
import { hasRunner, standing } from '../app/runner.ts';
import { SluiceError } from '../core/errors.ts';
import { formatCount, formatDuration, formatInstant, formatRate, visible } from '../core/format.ts';
import { isoTime } from '../core/iso-time.ts';
import { hasEnded } from '../core/transitions.ts';
import { type LiveEntry, listBatches } from '../engine/batch.ts';
import { type BatchState, batchState } from '../engine/status.ts';
import { mapOrdered } from '../pool/map-ordered.ts';
import { EXIT } from './exit-codes.ts';
import { etaMs } from './pace.ts';
import { tableLines } from './table.ts';
import type { Cli } from './terminal.ts';
import { hasHome } from './with-home.ts';
import { type AnyPlace, inPlace } from './with-place.ts';

/** Newest first; an id breaks ties, so that the order never depends on the store. */
const newestFirst = async ({ store }: Pick<Place, 'store'>): Promise<LiveEntry[]> =>
  (await listBatches(store)).sort((a, b) => b.startedAt - a.startedAt || (a.id < b.id ? -1 : 1));

export async function statusCommand(cli: Cli, id: string | undefined): Promise<number> {
  return inPlace(cli, async (place) => {
    const name = id ?? (await newestFirst(place))[0]?.id;
    if (name === undefined) {
      throw new SluiceError('NOT_FOUND', `There is no batch in ${placeName(cli)} yet.`, {
        hint: cli.stack === undefined ? 'Start one: sluice demo' : SUBMIT_ONE,
      });
    }
    const batch = await requireBatch(place, name);
    const state = (await batchState(place.store, name)) as BatchState;
    const facts = statusFacts(state, await hasRunner(place, batch), place.clock.now());
    await cli.out(cli.json ? `${JSON.stringify(facts)}\n` : `${statusText(cli, state, facts)}\n`);
    return EXIT.ok;
  });
}

const SUBMIT_ONE = 'Start one: sluice submit <job> <file>';
const placeName = ({ home, stack }: Cli): string => (stack === undefined ? home : `stack ${stack}`);

interface StatusFacts {
  batch: string;
  job: string;
  status: string;
  reason?: string;
  round: number;
  /** Failed and stalled items of the whole batch, as its rounds so far left them. */
  open: BatchState['open'];
  startedAt: string;
  input: string;
  doneItems: number;
  totalItems: number | null;
  doneChunks: number;
  totalChunks: number | null;
  counts: BatchState['counts'];
  /** Items per second since the start; null unless it runs. */
  rate: number | null;
  etaMs: number | null;
}

function statusFacts(state: BatchState, runner: boolean, now: number): StatusFacts {
  const { batch, counts, doneItems, totalItems } = state;
  const status = standing(batch, runner);
  const running = status === 'running' && doneItems > 0;
  const itemMs = batch.settings.quota?.itemMs;
  const rate = running ? (doneItems * 1000) / Math.max(1, now - batch.roundAt) : undefined;
  return {
    batch: batch.id,
    job: batch.job,
    status,
    ...(batch.reason === undefined ? {} : { reason: batch.reason }),
    round: batch.round,
    open: state.open,
    startedAt: isoTime(batch.startedAt),
    input: batch.input.name,
    doneItems,
    totalItems: totalItems ?? null,
    doneChunks: state.doneChunks,
    totalChunks: state.totalChunks ?? null,
    counts,
    rate: rate === undefined ? null : Math.round(rate * 1000) / 1000,
    etaMs: orNull(etaMs({ done: doneItems, total: totalItems, itemMs }, rate)),
  };
}

const orNull = (ms: number | undefined): number | null =>
  ms === undefined ? null : Math.round(ms);

const count = (n: number): string => formatCount(n, ' ');

function statusText(cli: Cli, { batch, counts }: BatchState, facts: StatusFacts): string {
  const lines: [string, string][] = [
    ['batch', batch.id],
    ['status', facts.status],
    ...(facts.reason === undefined ? [] : [['reason', visible(facts.reason)] as [string, string]]),
    ['input', visible(facts.input)],
    ['started', formatInstant(facts.startedAt)],
    ...(batch.round === 0 ? [] : [['round', roundText(batch)] as [string, string]]),
    ['items', `${amountOf(facts.doneItems, facts.totalItems)}, ${countsText(counts)}`],
    ['chunks', amountOf(facts.doneChunks, facts.totalChunks)],
  ];
  if (batch.round > 0) {
    lines.push([
      'open',
      `${count(facts.open.failed)} failed, ${count(facts.open.stalled)} stalled`,
    ]);
  }
  if (facts.rate !== null) lines.push(['rate', `${formatRate(facts.rate, ' ')} since the start`]);
  if (facts.etaMs !== null) lines.push(['ETA', formatDuration(facts.etaMs)]);
  const rest = hasEnded(batch.status) ? `report ${batch.id}` : nextFor(facts);
  if (rest !== undefined) lines.push(['next', cli.command(rest)]);
  return lines.map(([label, text]) => `${label.padEnd(10)}${text}`).join('\n');
}

/** The figures of items below it are those of the round. */
const roundText = ({ round, roundAt, filter }: BatchState['batch']): string => {
  const items = (filter?.failed ?? 0) + (filter?.stalled ?? 0);
  return `${round}, ${count(items)} items once more, since ${formatInstant(isoTime(roundAt))}`;
};

const nextFor = ({ status, batch }: StatusFacts): string | undefined =>
  status === 'paused' || status === 'interrupted' ? `resume ${batch}` : `watch ${batch}`;

const amountOf = (done: number, total: number | null): string =>
  total === null ? `${count(done)} so far` : `${count(done)} of ${count(total)} done`;

const countsText = ({ ok, skipped, failed, stalled, notRun }: BatchState['counts']): string =>
  [
    `${count(ok)} ok`,
    `${count(skipped)} skipped`,
    `${count(failed)} failed`,
    ...(stalled > 0 ? [`${count(stalled)} stalled`] : []),
    ...(notRun > 0 ? [`${count(notRun)} not run`] : []),
  ].join(', ');

export async function listCommand(cli: Cli): Promise<number> {
  const rows = cli.stack !== undefined || hasHome(cli) ? await inPlace(cli, listRows) : [];
  if (cli.json) {
    await cli.out(`${JSON.stringify(rows)}\n`);
    return EXIT.ok;
  }
  if (rows.length === 0) {
    const start = cli.stack === undefined ? 'demo' : 'submit <job> <file>';
    cli.say(`There is no batch in ${placeName(cli)} yet. Start one: ${cli.command(start)}`);
    return EXIT.ok;
  }
  const cells = rows.map((row) => [
    row.id,
    row.job,
    row.round === 0 ? row.status : `${row.status}, round ${row.round}`,
    formatInstant(row.startedAt),
    `${count(row.doneItems)}/${row.totalItems === null ? '?' : count(row.totalItems)}`,
    count(row.failed),
  ]);
  const columns = [
    { title: 'id' },
    { title: 'job' },
    { title: 'status' },
    { title: 'started' },
    { title: 'done/total', right: true },
    { title: 'failed', right: true },
  ];
  await cli.out(`${tableLines(columns, cells, cli.tableWidth).join('\n')}\n`);
  return EXIT.ok;
}

/** States that are asked for at once: three requests each in a stack. */
const STATES_AT_ONCE = 8;

async function listRows(place: AnyPlace) {
  const rows = [];
  const entries = await newestFirst(place);
  for await (const row of mapOrdered(entries, STATES_AT_ONCE, (entry) => listRow(place, entry))) {
    rows.push(row);
  }
  return rows;
}

async function listRow(place: AnyPlace, { id, job, input, startedAt, status }: LiveEntry) {
  const state = await stateOf(place, id);
  return {
    id,
    job,
    status:
      state === undefined ? status : standing(state.batch, await hasRunner(place, state.batch)),
    startedAt: isoTime(startedAt),
    input,
    doneItems: state?.doneItems ?? 0,
    totalItems: state?.totalItems ?? null,
    failed: state?.open.failed ?? 0,
    round: state?.batch.round ?? 0,
  };
}

/** A batch whose records are damaged, newer or half purged is listed all the same; a store that is gone is not. */
async function stateOf({ store }: Place, id: string): Promise<BatchState | undefined> {
  try {
    return await batchState(store, id);
  } catch (error) {
    if ((error as { code?: string }).code === 'STORE') throw error;
    return undefined;
  }
}
