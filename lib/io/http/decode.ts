import { brotliDecompress, gunzip, inflate, inflateRaw, type ZlibOptions } from 'node:zlib';
import { wireFault } from './fault.ts';

/** What is asked for, and can be undone. */
export const ENCODINGS = 'gzip, deflate, br';
/** Nobody sends more than one; a chain of many would be work for nothing. */
const MAX_CODINGS = 2;

type Decoder = (
  bytes: Uint8Array,
  options: ZlibOptions,
  done: (error: Error | null, result: Buffer) => void,
) => void;

/**
 * Undoes what `content-encoding` names, the last coding first. It ends at `maxBytes`, whatever is still to come:
 * a body of 10 MB may hold 10 GB.
 */
export async function decoded(
  bytes: Uint8Array,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Uint8Array> {
  const codings = (encoding ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  if (codings.length > MAX_CODINGS) throw wireFault('encoding', `${codings.length} encodings`);
  let body = bytes;
  // Without a body (HEAD, 204, 304) there is nothing to undo.
  if (bytes.length === 0) return body;
  for (const coding of codings.reverse()) {
    const decoder = decoderOf(coding, body);
    if (decoder === undefined) throw wireFault('encoding', `encoding ${coding.slice(0, 20)}`);
    body = await new Promise<Buffer>((resolve, reject) => {
      decoder(body, { maxOutputLength: maxBytes }, (error, result) =>
        error === null ? resolve(result) : reject(decodeFault(error, coding)),
      );
    });
  }
  return body;
}

function decoderOf(coding: string, body: Uint8Array): Decoder | undefined {
  if (coding === 'gzip' || coding === 'x-gzip') return gunzip;
  if (coding === 'br') return brotliDecompress as Decoder;
  if (coding !== 'deflate') return undefined;
  // Some servers send deflate without zlib's head, whose first byte ends in 8 (RFC 1950).
  return ((body[0] ?? 0) & 15) === 8 ? inflate : inflateRaw;
}

function decodeFault(error: Error, coding: string): Error {
  const { code } = error as { code?: string };
  if (code === 'ERR_BUFFER_TOO_LARGE') return wireFault('too large', 'decompressed', error);
  return wireFault('encoding', `broken ${coding}`, error);
}
