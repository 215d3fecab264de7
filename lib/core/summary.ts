import { clip } from './clip.ts';
import {
  cut,
  elapsedMs,
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatInstant,
  formatRate,
  formatShare,
  visible,
} from './format.ts';
import type { Status } from './outcome.ts';
import type { FailureGroup, HostCalls, Report, StageReport } from './report.ts';

/** Narrower terminals get lines of this width. */
const NARROWEST = 24;
/** Labels stand in a column of this width, values after it. */
const LABEL = 10;
const CODES_SHOWN = 5;
const ROUNDS_SHOWN = 5;
/** Code points of a reason: about six lines. */
const REASON_LIMIT = 400;

const OUTCOMES: readonly [Status, string][] = [
  ['ok', 'ok'],
  ['skipped', 'skipped'],
  ['failed', 'failed'],
  ['stalled', 'stalled'],
  ['notRun', 'not run'],
];

const END_WORDS: Readonly<Record<Report['status'], string>> = {
  done: 'done',
  cancelled: 'cancelled',
  stopped: 'stopped by its threshold',
  failed: 'failed',
};

/**
 * The end of a run for a console: plain text in aligned columns, no colour codes, lines of at most
 * `width` columns (24 or more; 80 when it is not finite), no line feed at the end.
 */
export function renderSummary(report: Report, width: number): string {
  const columns = Number.isFinite(width) ? Math.max(NARROWEST, Math.floor(width)) : 80;
  return [
    ...heading(report, columns),
    '',
    ...counts(report, columns),
    '',
    ...facts(report, columns),
    ...failures(report),
  ]
    .map((line) => clip(line, columns))
    .join('\n');
}

function heading(report: Report, columns: number): string[] {
  const round = report.round > 0 ? `, round ${report.round}` : '';
  const words = cut(visible(report.reason ?? ''), REASON_LIMIT).split(' ');
  return [
    `${visible(report.job)}: ${END_WORDS[report.status]}`,
    ...(report.reason ? wrapped('reason', words, { columns, glue: ' ' }) : []),
    labelled('batch', `${visible(report.batch)}${round}`),
    ...roundLines(report, columns),
    labelled('input', visible(report.input.name)),
    labelled('started', formatInstant(report.startedAt)),
  ];
}

/** What each round ran, where there are several; the figures of time below are those of the newest. */
function roundLines({ rounds = [], resolved = 0 }: Report, columns: number): string[] {
  const shown = rounds
    .slice(-ROUNDS_SHOWN)
    .map(({ round, total, ok, skipped, failed, stalled }) => {
      const open = failed + stalled > 0 ? ` and ${count(failed + stalled)} failed` : '';
      return `${round}: ${counted(total, 'item')}, ${count(ok + skipped)} ok or skipped${open}`;
    });
  if (shown.length === 0) return [];
  return wrapped('rounds', [...shown, `${count(resolved)} resolved`], { columns, glue: ', ' });
}

/** One row per outcome that can occur; a bar where there is room for one. */
function counts(report: Report, columns: number): string[] {
  const rows = OUTCOMES.filter(([status]) => status !== 'notRun' || report.notRun > 0).map(
    ([status, word]): [string, number] => [word, report[status]],
  );
  rows.push(['items', report.total]);
  const numbers = rows.map(([, items]) => count(items));
  const shares = rows.map(([, items]) => formatShare(items, report.total));
  const numberWidth = Math.max(...numbers.map((text) => text.length));
  const shareWidth = Math.max(...shares.map((text) => text.length));
  const room = Math.min(32, columns - LABEL - numberWidth - shareWidth - 4);
  return rows.map(([word, items], i) => {
    const left = `${word.padEnd(LABEL)}${(numbers[i] ?? '').padStart(numberWidth)}  ${(shares[i] ?? '').padStart(shareWidth)}`;
    const bar = room >= 10 && i < rows.length - 1 ? barOf(items, report.total, room) : '';
    return bar === '' ? left : `${left}  ${bar}`;
  });
}

/** At least one mark for anything that happened: 3 failures among 100,000 must be seen. */
function barOf(items: number, total: number, room: number): string {
  if (!(items > 0) || !(total > 0)) return '';
  return '#'.repeat(Math.min(room, Math.max(1, Math.round((items / total) * room))));
}

function facts(report: Report, columns: number): string[] {
  const { durations: d } = report;
  const time = formatDuration(elapsedMs(report.startedAt, report.finishedAt));
  const lines: [string, string[]][] = [
    ['time', [time, formatRate(report.throughput, ' ')]],
    [
      'per item',
      [
        `median ${formatDuration(d.median)}`,
        `p95 ${formatDuration(d.p95)}`,
        `p99 ${formatDuration(d.p99)}`,
        `max ${formatDuration(d.max)}`,
      ],
    ],
    [
      'used',
      [
        `CPU ${formatDuration(report.cpuSeconds * 1000)}`,
        `memory ${formatBytes(report.peakRssMb * 1e6)}`,
        counted(report.chunks, 'chunk'),
        `at most ${count(report.workers)} x ${count(report.concurrency)} at once${report.unreserved ? ' (no reserved concurrency)' : ''}`,
      ],
    ],
  ];
  if (report.retried > 0) lines[0]?.[1].push(`${count(report.retried)} tried again`);
  return [
    ...lines.flatMap(([label, values]) => wrapped(label, values, { columns, glue: ', ' })),
    ...(report.stages ?? []).map(stageLine),
    ...remotes(report, columns),
    labelled('outcomes', visible(report.digests.outcomes)),
  ];
}

/** One line a stage: what it did, how fast, and how busy its slots were. */
function stageLine(stage: StageReport): string {
  const { name, total, failed, stalled, throughput, utilisation, workers, concurrency } = stage;
  const values = [
    `${name}: ${counted(total, 'item')}`,
    ...(failed + stalled > 0 ? [`${count(failed + stalled)} failed`] : []),
    formatRate(throughput, ' '),
    `${formatShare(utilisation, 1)} busy of ${count(workers)} x ${count(concurrency)}`,
  ];
  return labelled('stage', values.join(', '));
}

/** Hosts of which the calls are told; all are in the report. */
const HOSTS_SHOWN = 3;

/** One line a remote: its calls, and what was wrong with them. */
function remotes({ http = [] }: Report, columns: number): string[] {
  const shown = http.slice(0, HOSTS_SHOWN);
  const rest = http.slice(HOSTS_SHOWN);
  const words = ({ host, calls, p50, p95, ...wrong }: HostCalls): string[] => [
    `${visible(host)} ${count(calls)} calls`,
    `median ${formatDuration(p50)}`,
    `p95 ${formatDuration(p95)}`,
    ...Object.entries(WRONG).flatMap(([field, text]) => {
      const times = wrong[field as keyof typeof wrong];
      return times > 0 ? [`${count(times)} ${text}`] : [];
    }),
  ];
  const lines = shown.flatMap((host, at) =>
    wrapped(at === 0 ? 'remotes' : '', words(host), { columns, glue: ', ' }),
  );
  if (rest.length === 0) return lines;
  const calls = rest.reduce((sum, host) => sum + host.calls, 0);
  return [...lines, labelled('', `${rest.length} other hosts ${count(calls)} calls`)];
}

const WRONG = {
  retries: 'retries',
  limited: 'times 429',
  bad: 'bad',
  openings: 'breaker openings',
} as const;

/** The most frequent codes, each with its first example. */
function failures(report: Report): string[] {
  const groups = [...report.failures].sort(
    (a, b) => b.items - a.items || (a.code < b.code ? -1 : 1),
  );
  if (groups.length === 0) return [];
  const shown = groups.slice(0, CODES_SHOWN);
  const rest = groups.slice(CODES_SHOWN).reduce((sum, { items }) => sum + items, 0);
  const numberWidth = Math.max(
    ...shown.map(({ items }) => count(items).length),
    count(rest).length,
  );
  const row = (items: number, text: string): string =>
    `  ${count(items).padStart(numberWidth)}  ${text}`;
  const indent = ' '.repeat(numberWidth + 4);
  return [
    '',
    'failures by code',
    ...shown.flatMap((group) => [row(group.items, visible(group.code)), ...first(group, indent)]),
    ...(rest > 0 ? [row(rest, `in ${groups.length - CODES_SHOWN} other codes`)] : []),
  ];
}

function first({ examples }: FailureGroup, indent: string): string[] {
  const example = examples[0];
  if (example === undefined) return [];
  const key = example.key === null ? '' : ` ${cut(visible(example.key), 24)}`;
  return [`${indent}#${example.index}${key}: ${visible(example.message)}`];
}

const count = (n: number): string => formatCount(n, ' ');
const counted = (n: number, what: string): string => formatCounted(n, what, ' ');
const labelled = (label: string, value: string): string => `${label.padEnd(LABEL)}${value}`;

interface Layout {
  columns: number;
  /** What joins two values on a line. */
  glue: ', ' | ' ';
}

/** The values of one label on as many lines as they need. */
function wrapped(label: string, values: readonly string[], { columns, glue }: Layout): string[] {
  const lines: string[] = [];
  let line = '';
  for (const value of values) {
    const longer = line === '' ? value : `${line}${glue}${value}`;
    if (line !== '' && LABEL + longer.length + 1 > columns) {
      lines.push(`${line}${glue.trimEnd()}`);
      line = value;
    } else line = longer;
  }
  return [...lines, line].map((text, i) => labelled(i === 0 ? label : '', text));
}
