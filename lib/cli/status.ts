import type { Home } from '../app/home.ts';
import { requireBatch } from '../app/run-batch.ts';
import { hasRunner, standing } from '../app/runner.ts';
import { SluiceError } from '../core/errors.ts';
import { formatCount, formatDuration, formatInstant, formatRate, visible } from '../core/format.ts';
import { isoTime } from '../core/iso-time.ts';
import { hasEnded } from '../core/transitions.ts';
import { listBatches } from '../engine/batch.ts';
import { type BatchState, batchState } from '../engine/status.ts';
import { EXIT } from './exit-codes.ts';
import { etaMs } from './pace.ts';
import { tableLines } from './table.ts';
import type { Cli } from './terminal.ts';
import { hasHome, inHome } from './with-home.ts';

/** Newest first; an id breaks ties, so that the order never depends on the store. */
const newestFirst = async (home: Home) =>
  (await listBatches(home.store)).sort(
    (a, b) => b.startedAt - a.startedAt || (a.id < b.id ? -1 : 1),
  );

export async function statusCommand(cli: Cli, id: string | undefined): Promise<number> {
  return inHome(cli, async (home) => {
    const name = id ?? (await newestFirst(home))[0]?.id;
    if (name === undefined) {
      throw new SluiceError('NOT_FOUND', `There is no batch in ${cli.home} yet.`, {
        hint: 'Start one: sluice demo',
      });
    }
    await requireBatch(home, name);
    const state = (await batchState(home.store, name)) as BatchState;
    const facts = statusFacts(state, await hasRunner(home, name), home.clock.now());
    await cli.out(cli.json ? `${JSON.stringify(facts)}\n` : `${statusText(cli, state, facts)}\n`);
    return EXIT.ok;
  });
}

interface StatusFacts {
  batch: string;
  job: string;
  status: string;
  reason?: string;
  round: number;
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
  const rate = running ? (doneItems * 1000) / Math.max(1, now - batch.startedAt) : undefined;
  return {
    batch: batch.id,
    job: batch.job,
    status,
    ...(batch.reason === undefined ? {} : { reason: batch.reason }),
    round: batch.round,
    startedAt: isoTime(batch.startedAt),
    input: batch.input.name,
    doneItems,
    totalItems: totalItems ?? null,
    doneChunks: state.doneChunks,
    totalChunks: state.totalChunks ?? null,
    counts,
    rate: rate === undefined ? null : Math.round(rate * 1000) / 1000,
    etaMs: rate === undefined ? null : orNull(etaMs(doneItems, totalItems, rate)),
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
    ['items', `${amountOf(facts.doneItems, facts.totalItems)}, ${countsText(counts)}`],
    ['chunks', amountOf(facts.doneChunks, facts.totalChunks)],
  ];
  if (facts.rate !== null) lines.push(['rate', `${formatRate(facts.rate, ' ')} since the start`]);
  if (facts.etaMs !== null) lines.push(['ETA', formatDuration(facts.etaMs)]);
  const rest = hasEnded(batch.status) ? `report ${batch.id}` : nextFor(facts);
  if (rest !== undefined) lines.push(['next', cli.command(rest)]);
  return lines.map(([label, text]) => `${label.padEnd(10)}${text}`).join('\n');
}

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
  const rows = hasHome(cli) ? await inHome(cli, listRows) : [];
  if (cli.json) {
    await cli.out(`${JSON.stringify(rows)}\n`);
    return EXIT.ok;
  }
  if (rows.length === 0) {
    cli.say(`There is no batch in ${cli.home} yet. Start one: ${cli.command('demo')}`);
    return EXIT.ok;
  }
  const cells = rows.map((row) => [
    row.id,
    row.job,
    row.status,
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

async function listRows(home: Home) {
  const rows = [];
  for (const { id, job, input, startedAt, status } of await newestFirst(home)) {
    const state = await batchState(home.store, id).catch(() => undefined);
    const standingNow =
      state === undefined ? status : standing(state.batch, await hasRunner(home, id));
    rows.push({
      id,
      job,
      status: standingNow,
      startedAt: isoTime(startedAt),
      input,
      doneItems: state?.doneItems ?? 0,
      totalItems: state?.totalItems ?? null,
      failed: state?.counts.failed ?? 0,
    });
  }
  return rows;
}
