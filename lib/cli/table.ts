import { cut, visible } from '../core/format.ts';

export interface Column {
  title: string;
  right?: boolean;
  /** Fixed width, for tables whose rows are streamed; default: the longest cell. */
  width?: number;
}

const GAP = '  ';

/**
 * Lines of a table in aligned columns; cells are made harmless for a terminal. The last column is cut
 * so that no line is longer than `width`.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const cells = rows.map((row) => row.map(visible));
  const widths = columns.map(
    ({ title, width: fixed }, at) =>
      fixed ?? Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string => {
    const padded = row.map((cell, at) => {
      const size = widths[at] ?? 0;
      const kept = at === columns.length - 1 ? cell : cut(cell, size);
      return columns[at]?.right ? kept.padStart(size) : kept.padEnd(size);
    });
    return cut(padded.join(GAP).trimEnd(), Math.max(20, width));
  };
  return [columns.map(({ title }) => title), ...cells].map(line);
}

/** One row of a table whose header was written before. */
export const tableRow = (
  columns: readonly Column[],
  row: readonly string[],
  width: number,
): string => tableLines(columns, [row], width)[1] as string;
