import { type BatchFacts, batchFacts, listRows, newestFirst } from '../app/batch-facts.ts';
import { requireBatch } from '../app/place.ts';
import { SluiceError } from '../core/errors.ts';
import { formatCount, formatDuration, formatInstant, formatRate, visible } from '../core/format.ts';
import { isoTime } from '../core/iso-time.ts';
import { hasEnded } from '../core/transitions.ts';
import { type BatchState, batchState, type StageState } from '../engine/status.ts';
import { EXIT } from './exit-codes.ts';
import { tableLines } from './table.ts';
import type { Cli } from './terminal.ts';
import { hasHome } from './with-home.ts';
import { inPlace } from './with-place.ts';

export async function statusCommand(cli: Cli, id: string | undefined): Promise<number> {
  return inPlace(cli, async (place) => {
    const name = id ?? (await newestFirst(place))[0]?.id;
    if (name === undefined) {
      throw new SluiceError('NOT_FOUND', `There is no batch in ${placeName(cli)} yet.`, {
        hint: cli.stack === undefined ? 'Start one: sluice demo' : SUBMIT_ONE,
      });
    }
    await requireBatch(place, name);
    const state = (await batchState(place.store, name)) as BatchState;
    const facts = await batchFacts(place, state);
    await cli.out(cli.json ? `${JSON.stringify(facts)}\n` : `${statusText(cli, state, facts)}\n`);
    return EXIT.ok;
  });
}

const SUBMIT_ONE = 'Start one: sluice submit <job> <file>';
const placeName = ({ home, stack }: Cli): string => (stack === undefined ? home : `stack ${stack}`);

const count = (n: number): string => formatCount(n, ' ');

function statusText(cli: Cli, { batch }: BatchState, facts: BatchFacts): string {
  const lines: [string, string][] = [
    ['batch', batch.id],
    ['status', facts.status],
    ...(facts.reason === undefined ? [] : [['reason', visible(facts.reason)] as [string, string]]),
    ['input', visible(facts.input)],
    ['started', formatInstant(facts.startedAt)],
    ...(batch.round === 0 ? [] : [['round', roundText(batch)] as [string, string]]),
    ['items', `${amountOf(facts.doneItems, facts.totalItems)}, ${countsText(facts.counts)}`],
    ['chunks', amountOf(facts.doneChunks, facts.totalChunks)],
    ...(facts.stages ?? []).map((stage): [string, string] => ['stage', stageText(stage)]),
  ];
  if (batch.round > 0) {
    lines.push([
      'open',
      `${count(facts.open.failed)} failed, ${count(facts.open.stalled)} stalled`,
    ]);
  }
  if (facts.rate !== null) lines.push(['rate', `${formatRate(facts.rate, ' ')} since the start`]);
  if (facts.utilisation !== null) {
    const median =
      facts.medianMs === null ? '' : `, median ${formatDuration(facts.medianMs)} an item`;
    const share = `${Math.round(facts.utilisation * 100)} %`;
    lines.push(['workers', `${share} busy of ${count(facts.slots ?? 0)}${median}`]);
  }
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

const nextFor = ({ status, batch }: BatchFacts): string | undefined =>
  status === 'paused' || status === 'interrupted' ? `resume ${batch}` : `watch ${batch}`;

const stageText = ({ name, doneItems, totalItems, counts, queuedChunks }: StageState): string =>
  `${name}: ${amountOf(doneItems, totalItems ?? null)}, ${countsText(counts)}, ${count(queuedChunks)} chunks queued`;

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
  const rows =
    cli.stack !== undefined || hasHome(cli)
      ? await inPlace(cli, async (place) => listRows(place, await newestFirst(place)))
      : [];
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
