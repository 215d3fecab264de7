import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SluiceError } from '../../core/errors.ts';

export interface AwsClientsOptions {
  /** Milliseconds until the function is killed; asked at every call. Without it no call is bounded so. */
  remainingMs?: () => number;
}

export interface AwsClients {
  s3: S3Client;
  sqs: SQSClient;
  dynamo: DynamoDBClient;
  /** Ends the idle connections; later calls fail. */
  close(): void;
}

/**
 * The first call and 4 more. With the SDK's full-jitter back-off (read in its code, 3.1162: 50 ms x 2^n, for
 * throttling 1 s x 2^n) that waits at most 0.75 s over a lost connection and 15 s over throttling.
 */
const MAX_ATTEMPTS = 5;
/** A call ends so long before the function does, so that its error can still be logged and answered. */
const MARGIN_MS = 500;
/** Two ends that lie nearer together than this are the same invocation's. */
const SAME_END_MS = 50;
const CONNECT_MS = 3000;
/** An item of 8 KB is answered in milliseconds: a request of 5 s has lost its answer. */
const DYNAMO_REQUEST_MS = 5000;
/** A long poll may take 20 s by itself. */
const SQS_REQUEST_MS = 25_000;
/** A part of 8 MiB may take long on a slow line: what counts is that bytes move. */
const S3_IDLE_MS = 10_000;

/**
 * The SDK clients: standard retries, connections kept alive (the SDK's default), each call ended 500 ms before the
 * function would be. Region, credentials and endpoints come from the SDK's own environment variables only.
 * A call that runs out of time throws a SluiceError `STORE`.
 */
export function awsClients({ remainingMs }: AwsClientsOptions = {}): AwsClients {
  const retries = { retryMode: 'standard', maxAttempts: MAX_ATTEMPTS } as const;
  const waits = { connectionTimeout: CONNECT_MS, throwOnRequestTimeout: true };
  const s3 = new S3Client({
    ...retries,
    requestHandler: { ...waits, socketTimeout: S3_IDLE_MS },
  });
  const sqs = new SQSClient({
    ...retries,
    requestHandler: { ...waits, requestTimeout: SQS_REQUEST_MS },
  });
  const dynamo = new DynamoDBClient({
    ...retries,
    requestHandler: { ...waits, requestTimeout: DYNAMO_REQUEST_MS },
  });
  const clients = [s3, sqs, dynamo];
  if (remainingMs) {
    const signal = endSignal(remainingMs);
    for (const client of clients) endInTime(client as unknown as Sender, signal);
  }
  const close = (): void => {
    for (const client of clients) client.destroy();
  };
  return { s3, sqs, dynamo, close };
}

interface Sender {
  send(command: object, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
}

/**
 * Wraps `send`, the only place from which a signal reaches both the request and the pause between two tries
 * (a middleware reaches neither).
 */
function endInTime(client: Sender, endOf: () => AbortSignal): void {
  const send = client.send.bind(client);
  client.send = async (command, options = {}) => {
    const end = endOf();
    const abortSignal = options.abortSignal ? AbortSignal.any([options.abortSignal, end]) : end;
    try {
      return await send(command, { ...options, abortSignal });
    } catch (fault) {
      if (!end.aborted) throw fault;
      const name = command.constructor.name.replace(/Command\d*$/, '');
      throw new SluiceError(
        'STORE',
        `the function's time is up: ${name} had no answer ${MARGIN_MS} ms before its end`,
        { hint: 'the message comes back and another attempt goes on', cause: fault },
      );
    }
  };
}

/** One signal for an invocation, not one a call: 200 calls a second would leave 12,000 timers of a minute. */
function endSignal(remainingMs: () => number): () => AbortSignal {
  let current: { end: number; signal: AbortSignal } | undefined;
  return () => {
    const leftMs = remainingMs() - MARGIN_MS;
    const end = performance.now() + leftMs;
    if (current === undefined || Math.abs(current.end - end) > SAME_END_MS) {
      const signal = leftMs > 0 ? AbortSignal.timeout(Math.floor(leftMs)) : AbortSignal.abort();
      // Each request listens while it runs; from the 11th on Node would warn of a leak.
      setMaxListeners(0, signal);
      current = { end, signal };
    }
    return current.signal;
  };
}
