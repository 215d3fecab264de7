import { SluiceError } from '../core/errors.ts';
import type { Layout, ReadBytes } from '../core/reader.ts';
import type { SourcePin } from '../core/records.ts';

/** A pinned source with the means to read it. */
export interface BoundSource {
  readonly pin: SourcePin;
  /** Bytes [start, end) as stored. Throws a SluiceError `INPUT_CHANGED` when they are not the pinned ones. */
  readonly read: ReadBytes;
  /** All bytes as stored, from the first on. A source that is not seekable can be streamed once. */
  stream(): AsyncIterable<Uint8Array>;
  /** It is gzip: it is decompressed into the object store before it is planned. */
  readonly compressed: boolean;
  /** It can be read at any offset, any number of times. */
  readonly seekable: boolean;
  /** Each read is a request to another machine: small ones are read once. */
  readonly remote?: boolean;
}

/** A source as it is planned and worked: its content at any offset. */
export interface SourceView {
  read: ReadBytes;
  layout: Layout;
  /** The content's length. */
  end: number;
  fault: string | undefined;
}

/**
 * Standard input (or any other stream), named `stdin`. It is spooled by `prepare`, gzip or not; later
 * processes and threads give no stream, since they read the spooled bytes.
 */
export function stdinSource(stream?: AsyncIterable<Uint8Array>): BoundSource {
  return {
    pin: { name: 'stdin', bytes: 0, version: 'stream' },
    compressed: false,
    seekable: false,
    read: () => Promise.reject(gone()),
    stream: () => {
      if (stream === undefined) throw gone();
      return stream;
    },
  };
}

function gone(): SluiceError {
  return new SluiceError('STATE', 'The bytes of stdin were not kept before the process ended.', {
    hint: 'Start the batch again with the same input piped in.',
  });
}
