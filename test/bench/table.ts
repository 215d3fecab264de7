import type { Measured } from './support.ts';

export interface Column {
  title: string;
  of(row: Measured): string;
}

/** Every table has the process's wall, CPU and resident set at its end. */
const OF_THE_PROCESS: readonly Column[] = [
  { title: 'wall s', of: ({ wallS }) => wallS.toFixed(2) },
  { title: 'CPU s', of: ({ cpuS }) => cpuS.toFixed(2) },
  { title: 'peak MB', of: ({ rssMb }) => rssMb.toFixed(0) },
];

export function printTable(rows: readonly Measured[], columns: readonly Column[]): void {
  const all: Column[] = [
    { title: '', of: ({ name }) => name },
    { title: 'n', of: ({ n }) => count(n) },
    ...columns,
    ...OF_THE_PROCESS,
  ];
  const cells = [all.map(({ title }) => title), ...rows.map((row) => all.map(({ of }) => of(row)))];
  const widths = all.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  for (const line of cells) {
    const padded = line.map((cell, at) => {
      const width = widths[at] as number;
      return at === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    console.log(`  ${padded.join('  ')}`);
  }
}

/** A column for one figure of the task; empty where a variant has none. */
export const figure = (title: string, name: string, digits = 0): Column => ({
  title,
  of: ({ figures }) => {
    const value = figures[name];
    return value === undefined || Number.isNaN(value) ? '' : count(value, digits);
  },
});

/** Items per second of the whole process, its start and end included. */
export const perWallSecond: Column = { title: 'per s', of: ({ n, wallS }) => count(n / wallS) };

export const count = (value: number, digits = 0): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** `2.31, wanted >= 2: yes`. */
export function against(value: number, sign: '>=' | '<' | '<=', bound: number, digits = 2): string {
  const met = sign === '>=' ? value >= bound : sign === '<' ? value < bound : value <= bound;
  return `${count(value, digits)}, wanted ${sign} ${count(bound, Number.isInteger(bound) ? 0 : 2)}: ${met ? 'yes' : 'NO'}`;
}

export function row(rows: readonly Measured[], name: string): Measured {
  const found = rows.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no variant ${name}.`);
  return found;
}
