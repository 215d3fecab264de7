import { requireBatch } from '../app/place.ts';
import { csvCell } from '../core/csv-cell.ts';
import { SluiceError } from '../core/errors.ts';
import { formatDuration } from '../core/format.ts';
import { isoTime } from '../core/iso-time.ts';
import type { Status } from '../core/outcome.ts';
import type { JoinedRow } from '../engine/committed-parts.ts';
import { type ItemFilter, items } from '../engine/items.ts';
import { EXIT } from './exit-codes.ts';
import { wholeNumber } from './flags.ts';
import { newLines } from './lines.ts';
import { type Column, tableLines, tableRow } from './table.ts';
import type { Cli } from './terminal.ts';
import { inPlace } from './with-place.ts';

export interface ItemsFlags {
  status?: Status;
  code?: string;
  key?: string;
  index?: string;
  limit?: string;
  csv?: boolean;
}

/** A table is for eyes: more than that scrolls away. */
const TABLE_LIMIT = 100;

export async function itemsCommand(
  cli: Cli,
  { batch: id, flags }: { batch: string; flags: ItemsFlags },
): Promise<number> {
  if (cli.json && flags.csv) {
    throw new SluiceError('USAGE', '--csv and --json cannot be used together.');
  }
  const filter = filterOf(flags);
  const asked =
    flags.limit === undefined
      ? undefined
      : wholeNumber('--limit', flags.limit, { min: 1, unit: 'items' });
  const format = cli.json ? 'json' : flags.csv ? 'csv' : 'table';
  const limit = asked ?? (format === 'table' ? TABLE_LIMIT : Number.POSITIVE_INFINITY);
  return inPlace(cli, async (place) => {
    const batch = await requireBatch(place, id);
    const lines = newLines(cli);
    const { head, row } = formats(cli)[format];
    if (head !== undefined) await lines.add(head);
    let shown = 0;
    let more = false;
    for await (const item of items(place, batch, filter)) {
      if (shown === limit) {
        more = true;
        break;
      }
      await lines.add(row(item));
      shown += 1;
    }
    await lines.flush();
    if (more)
      cli.say(`The first ${limit} are shown; --limit takes more, --json and --csv give all.`);
    return EXIT.ok;
  });
}

function filterOf({ status, code, key, index }: ItemsFlags): ItemFilter {
  return {
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(key === undefined ? {} : { key }),
    ...(index === undefined
      ? {}
      : {
          index: wholeNumber('--index', index, { min: 0, unit: 'position in the input, from 0' }),
        }),
  };
}

const INDEX: Column = { title: 'index', right: true, width: 8 };
const STATUS: Column = { title: 'status', width: 7 };
const DETAIL: Column = { title: 'detail' };
const WIDE: Column[] = [
  INDEX,
  { title: 'key', width: 28 },
  STATUS,
  { title: 'tries', right: true, width: 5 },
  { title: 'took', right: true, width: 8 },
  DETAIL,
];
/** Under 100 columns, what went wrong matters more than how long it took. */
const NARROW: Column[] = [INDEX, { title: 'key', width: 20 }, STATUS, DETAIL];

const CSV_COLUMNS = [
  'index',
  'key',
  'status',
  'tries',
  'startedAt',
  'durationMs',
  'worker',
  'kind',
  'code',
  'message',
  'value',
];

interface Format {
  head: string | undefined;
  row(item: JoinedRow): string;
}

const formats = (cli: Cli): Record<'json' | 'csv' | 'table', Format> => ({
  json: {
    head: undefined,
    row: ({ outcome, facts, kept }) => JSON.stringify({ ...outcome, ...facts, ...kept }),
  },
  csv: { head: CSV_COLUMNS.join(','), row: (item) => csvValues(item).map(csvCell).join(',') },
  table: tableFormat(cli.tableWidth),
});

function tableFormat(width: number): Format {
  const columns = width < 100 ? NARROW : WIDE;
  return {
    head: tableLines(columns, [], width)[0],
    row: (item) => {
      const cells = tableCells(item);
      return tableRow(columns, width < 100 ? cells.toSpliced(3, 2) : cells, width);
    },
  };
}

function csvValues({ outcome, facts }: JoinedRow): unknown[] {
  const { index, key, status } = outcome;
  const error = 'error' in outcome ? outcome.error : undefined;
  const message = error?.message ?? ('reason' in outcome ? outcome.reason : undefined);
  const value = 'value' in outcome ? outcome.value : undefined;
  const startedAt = facts.tries === 0 ? undefined : isoTime(facts.startedAt);
  const times = [facts.tries, startedAt, facts.durationMs, facts.worker];
  return [index, key, status, ...times, error?.kind, error?.code, message, value];
}

function tableCells({ outcome, facts }: JoinedRow): string[] {
  const { index, key, status } = outcome;
  return [
    String(index),
    key ?? '',
    status,
    String(facts.tries),
    formatDuration(facts.durationMs),
    detailOf(outcome),
  ];
}

function detailOf(outcome: JoinedRow['outcome']): string {
  if ('error' in outcome) return `${outcome.error.code}: ${outcome.error.message}`;
  if ('reason' in outcome) return outcome.reason;
  return 'value' in outcome ? (JSON.stringify(outcome.value) ?? '') : '';
}
