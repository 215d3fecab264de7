import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { signerOf, type Traffic } from './traffic.ts';

const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem']);
const READS = new Set(['GetItem', 'Query', 'Scan', 'BatchGetItem']);

/**
 * A DynamoDB whose capacity is added up: each request asks for its ConsumedCapacity, and the answer loses it again,
 * unless the caller had asked for it. `listener` is the emulated DynamoDB.
 */
export const meteredDynamo =
  (listener: RequestListener, traffic: Traffic) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    buffer(request).then(
      (body) => {
        const operation =
          String(request.headers['x-amz-target'] ?? '')
            .split('.')
            .at(-1) ?? '';
        const { caller } = signerOf(request.headers.authorization);
        const asked = askForCapacity(operation, body);
        if (asked !== undefined) {
          const spend = (units: number): void =>
            traffic.units(caller, WRITES.has(operation) ? { write: units } : { read: units });
          takeCapacity(response, { spend, refuse: () => traffic.units(caller, { refused: 1 }) });
        }
        listener(replay(request, asked ?? body), response);
      },
      () => response.destroy(),
    );
  };

/** The request with ReturnConsumedCapacity; undefined where it cannot be metered or is already asked for. */
function askForCapacity(operation: string, body: Buffer): Buffer | undefined {
  if (!WRITES.has(operation) && !READS.has(operation)) return undefined;
  try {
    const call = JSON.parse(body.toString()) as Record<string, unknown>;
    if (call['ReturnConsumedCapacity'] !== undefined) return undefined;
    return Buffer.from(JSON.stringify({ ...call, ReturnConsumedCapacity: 'TOTAL' }));
  } catch {
    return undefined; // not JSON: DynamoDB says so
  }
}

interface Spent {
  spend(units: number): void;
  refuse(): void;
}

/** Takes the capacity out of the answer, whose length and checksum change with it. */
function takeCapacity(response: ServerResponse, { spend, refuse }: Spent): void {
  const end = response.end.bind(response);
  response.end = ((chunk?: unknown) => {
    const text = typeof chunk === 'string' ? chunk : '';
    if (text.includes('ConditionalCheckFailedException') && response.statusCode === 400) refuse();
    if (response.statusCode !== 200 || !text.includes('"ConsumedCapacity"')) {
      return end(chunk as string);
    }
    const { ConsumedCapacity: consumed, ...rest } = JSON.parse(text) as {
      ConsumedCapacity?: { CapacityUnits?: number } | { CapacityUnits?: number }[];
    };
    for (const { CapacityUnits: units = 0 } of [consumed ?? []].flat()) spend(units);
    const answer = JSON.stringify(rest);
    response.setHeader('Content-Length', Buffer.byteLength(answer));
    response.setHeader('x-amz-crc32', String(crc32(answer)));
    return end(answer);
  }) as ServerResponse['end'];
}

/** A request that is read once more: its body was taken to be changed. */
function replay(request: IncomingMessage, body: Buffer): IncomingMessage {
  const { headers, method, url } = request;
  return Object.assign(Readable.from(body.length === 0 ? [] : [body]), {
    headers,
    method,
    url,
  }) as unknown as IncomingMessage;
}
