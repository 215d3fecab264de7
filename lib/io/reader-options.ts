import { SluiceError } from '../core/errors.ts';
import type { Reader, ReaderOptions } from '../core/reader.ts';
import { DELIMITERS } from './csv-header.ts';

const ENCODINGS = ['utf8', 'latin1'];

/** A job file may be plain JavaScript: its options are checked when it is loaded. */
export function checkOptions(format: Reader['format'], options: ReaderOptions): void {
  const { encoding, delimiter } = options;
  if (encoding !== undefined && !ENCODINGS.includes(encoding)) {
    throw refuse(
      `encoding must be one of ${ENCODINGS.join(', ')}; got ${JSON.stringify(encoding)}.`,
    );
  }
  if (delimiter === undefined) return;
  if (format !== 'csv') throw refuse(`delimiter has no meaning for ${format}.`);
  if (!DELIMITERS.includes(delimiter)) {
    const allowed = DELIMITERS.map((one) => JSON.stringify(one)).join(', ');
    throw refuse(`delimiter must be one of ${allowed}; got ${JSON.stringify(delimiter)}.`);
  }
}

function refuse(message: string): SluiceError {
  return new SluiceError('USAGE', `Reader option ${message}`);
}

/** What the caller gives wins over what the job says. */
export function mergeOptions(own: ReaderOptions, given: ReaderOptions): ReaderOptions {
  return {
    encoding: given.encoding ?? own.encoding,
    delimiter: given.delimiter ?? own.delimiter,
  };
}
