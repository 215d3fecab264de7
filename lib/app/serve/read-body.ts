import type { IncomingMessage } from 'node:http';
import { badField, HttpError } from './http-error.ts';

/** A thousand paths of 250 characters. */
const BODY_BYTES = 256 * 1024;
/** What is too large is read to its end up to here, and dropped: a client that still writes does not see the answer. */
const DROP_BYTES = 64 * 1024 * 1024;

/** The JSON object of a request. Throws 413, 415, or 400 that says where the text is broken; no body is `{}` when it may be. */
export async function readBody(
  request: IncomingMessage,
  { optional = false }: { optional?: boolean } = {},
): Promise<Record<string, unknown>> {
  const bytes = await readBytes(request);
  if (bytes.length === 0 && optional) return {};
  const type = String(request.headers['content-type'] ?? '');
  if (!/^application\/json\s*(;\s*charset=("?)utf-8\2\s*)?$/i.test(type)) {
    throw new HttpError(415, {
      code: 'USAGE',
      message: `The Content-Type must be application/json; got ${type === '' ? 'none' : JSON.stringify(type.slice(0, 100))}.`,
    });
  }
  const body = parse(bytes);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
    return body as Record<string, unknown>;
  }
  throw badField(undefined, 'The body must be a JSON object.');
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size <= BODY_BYTES) pieces.push(piece);
    else pieces.length = 0;
    if (size > DROP_BYTES) break;
  }
  if (size <= BODY_BYTES) return Buffer.concat(pieces);
  throw new HttpError(
    413,
    {
      code: 'USAGE',
      message: `The body may be ${BODY_BYTES} bytes long; it is longer.`,
      hint: 'Inputs are named by their paths: a folder, a pattern or a manifest names many.',
    },
    { connection: 'close' },
  );
}

function parse(bytes: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badField(undefined, 'The body is not valid UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badField(
      undefined,
      `The body is not valid JSON: ${(error as Error).message.slice(0, 200)}`,
    );
  }
}
