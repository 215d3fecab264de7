import type { ItemError } from '../core/errors.ts';
import type { Layout, Reader, ReaderOptions } from '../core/reader.ts';
import type { RecordBlock } from '../core/records.ts';
import { Refusal } from './block.ts';
import { openNdjson, parseJson } from './ndjson.ts';

/** How each line of a failures file begins. */
const FAILURE_TAG = 'failure/1';
const FIRST_LINE = /^(?:\xef\xbb\xbf)?\s*\{\s*"sluice"\s*:\s*"failure\/1"/;

/** A line of a report's failures.jsonl. `record` is absent where the record could not be read. */
interface FailureLine {
  sluice: typeof FAILURE_TAG;
  error?: Partial<ItemError>;
  /** Absent: the first stage. */
  stage?: number;
  /** Where the record stood in the first input. */
  where?: string;
  record?: unknown;
  raw?: string;
}

/** Whether these first bytes of a source (200 do) are those of a failures file. */
export const isFailures = (head: Uint8Array): boolean =>
  FIRST_LINE.test(Buffer.from(head.subarray(0, 200)).toString('latin1'));

/** The layout of a source: the job's own format, or a failures file that is fed back in. */
export function openSource(reader: Reader, head: Uint8Array, options: ReaderOptions): Layout {
  if (!isFailures(head)) return reader.open(head, options);
  const lines = openNdjson(head, {});
  return {
    ...lines,
    async *records(read, range, limits) {
      for await (const block of lines.records(read, range, limits)) {
        yield unwrap(block, reader.format);
      }
    },
  };
}

/** Rows are what the failed batch had read; the raw text is the record's own, so that a second failure shows it. */
function unwrap(block: RecordBlock, format: Reader['format']): RecordBlock {
  const errors = new Map(block.errors);
  const raws = [...block.raws];
  const rows = block.rows.map((line, i) => {
    if (errors.has(i)) return undefined;
    const refused = refusal(line);
    if (refused !== undefined) {
      errors.set(i, refused);
      return undefined;
    }
    if (!isFailureLine(line)) return undefined;
    if (typeof line.raw === 'string') raws[i] = line.raw;
    if (line.record !== undefined) return line.record;
    const row = format !== 'csv' && line.raw ? parseJson(line.raw) : new Refusal('', '');
    if (!(row instanceof Refusal)) return row;
    errors.set(i, again(line));
    return undefined;
  });
  return {
    ...block,
    rows,
    raws,
    errors: errors.size > 0 ? errors : undefined,
    // That of the first input: it is there that a person mends it.
    where: (position) => {
      const line = block.rows[position];
      return isFailureLine(line) && typeof line.where === 'string' ? line.where : undefined;
    },
  };
}

/** Why a line holds no row of the job's input, if so. */
function refusal(line: unknown): ItemError | undefined {
  if (!isFailureLine(line)) {
    return invalid(
      'NO_FAILURE_LINE',
      'The line is no line of a failures file, though the first one is.',
    );
  }
  if (line.stage === undefined || line.stage === 0) return undefined;
  return invalid(
    'LATER_STAGE',
    `The line failed in stage ${line.stage + 1} of its batch, whose rows are not those of the job's input: \`sluice retry\` runs it again.`,
  );
}

function isFailureLine(line: unknown): line is FailureLine {
  return (
    typeof line === 'object' && line !== null && 'sluice' in line && line.sluice === FAILURE_TAG
  );
}

/** A record that could not be read cannot be read now either: the file keeps no header to read it by. */
function again({ error }: FailureLine): ItemError {
  const { code, message } = error ?? {};
  return invalid(
    typeof code === 'string' ? code : 'NO_RECORD',
    typeof message === 'string'
      ? message
      : 'The failures file keeps no record here, only its text.',
  );
}

const invalid = (code: string, message: string): ItemError => ({ kind: 'invalid', code, message });
