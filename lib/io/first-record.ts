import type { StandardSchema } from '../core/standard-schema.ts';
import type { SourceView } from './source.ts';

/** How far the check looks for the end of the first record. */
const LOOK_BYTES = 1024 * 1024;
const COLUMNS_SHOWN = 20;

/**
 * A column that the schema asks for and the header lacks would fail every row alike: it is found on the
 * first one, before anything is planned. Undefined when there is no such column.
 */
export async function missingColumn(
  view: SourceView,
  schema: StandardSchema<unknown, unknown> | undefined,
  maxRecordBytes: number,
): Promise<string | undefined> {
  const { columns } = view.layout;
  if (schema === undefined || columns === undefined) return undefined;
  const row = await firstRow(view, maxRecordBytes);
  if (row === undefined) return undefined;
  let result: Awaited<ReturnType<(typeof schema)['~standard']['validate']>>;
  try {
    result = await schema['~standard'].validate(row);
  } catch {
    return undefined; // a schema that throws fails its rows one by one, with their own messages
  }
  for (const { path } of result.issues ?? []) {
    const head = path?.[0];
    if (head === undefined) continue;
    const name = String(typeof head === 'object' ? head.key : head);
    if (!columns.includes(name)) return missing(name, columns);
  }
  return undefined;
}

function missing(name: string, columns: readonly string[]): string {
  const shown = columns.slice(0, COLUMNS_SHOWN).join(', ');
  const rest = columns.length - COLUMNS_SHOWN;
  const more = rest > 0 ? `, and ${rest} more` : '';
  return `column ${JSON.stringify(name)} is missing; the header has: ${shown}${more}`;
}

/** Undefined when there is none, when it cannot be read, or when it is too long to look at. */
async function firstRow(view: SourceView, maxRecordBytes: number): Promise<unknown> {
  const { layout, read } = view;
  const end = Math.min(view.end, layout.dataStart + LOOK_BYTES);
  const looked = { start: layout.dataStart, end };
  for await (const cut of layout.cuts(read, looked, { items: 1, bytes: LOOK_BYTES })) {
    if (cut.end === end && end < view.end) return undefined;
    const blocks = layout.records(read, { ...cut, first: 0 }, { maxRecordBytes });
    for await (const block of blocks) return block.rows[0];
  }
  return undefined;
}
