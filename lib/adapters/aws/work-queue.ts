import {
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
  type Message as SqsMessage,
} from '@aws-sdk/client-sqs';
import { SluiceError } from '../../core/errors.ts';
import type { Delivery, Message, WorkQueue } from '../../ports/work-queue.ts';
import { asking, awsError, nameOf } from './errors.ts';

export interface AwsWorkQueueOptions {
  client: SQSClient;
  /** The URL of each queue, by the name the engine knows it by (`orchestrator`, `stage-0` ...). */
  urls: Readonly<Record<string, string>>;
}

/** SQS, "Message quotas" and the actions' own pages: entries a call, the longest delay and the longest poll. */
const ENTRIES = 10;
const LONGEST_DELAY_MS = 900_000;
const LONGEST_POLL_S = 20;
/** Ours: a message names a chunk, it does not carry it. Ten of them are far below the 1 MiB of a call. */
const MESSAGE_BYTES = 4096;
/** A release of 1,600 chunks is 160 calls; one after the other they would wait for 160 answers. */
const CALLS_AT_ONCE = 8;

/**
 * Standard SQS queues. Times are rounded up to whole seconds. A message that is no JSON is left to its dead-letter
 * queue. Faults are SluiceErrors `STORE` that name the queue; a delay out of bounds is a RangeError.
 */
export function awsWorkQueue(options: AwsWorkQueueOptions): WorkQueue {
  const { client } = options;
  return {
    async send(queue, messages) {
      const url = urlOf(options, queue);
      const calls = inTens(messages.map(toEntry));
      const refused: number[] = [];
      for (let at = 0; at < calls.length; at += CALLS_AT_ONCE) {
        const some = calls.slice(at, at + CALLS_AT_ONCE);
        const answers = await Promise.all(
          some.map((entries) => sendTen(client, { queue, url }, entries)),
        );
        refused.push(...answers.flat());
      }
      return refused;
    },
    async receive(queue, { max, waitMs, visibilityMs }) {
      const url = urlOf(options, queue);
      let waitS = wholeSeconds(waitMs);
      for (;;) {
        const pollS = Math.min(waitS, LONGEST_POLL_S);
        const found = await asking(`cannot receive from queue ${queue}`, () =>
          client.send(
            new ReceiveMessageCommand({
              QueueUrl: url,
              MaxNumberOfMessages: Math.min(max, ENTRIES),
              WaitTimeSeconds: pollS,
              VisibilityTimeout: wholeSeconds(visibilityMs),
              MessageSystemAttributeNames: ['ApproximateReceiveCount'],
            }),
          ),
        );
        const deliveries = (found.Messages ?? []).flatMap(toDelivery);
        waitS -= pollS;
        if (deliveries.length > 0 || waitS <= 0) return deliveries;
      }
    },
    async ack(queue, receipt) {
      const url = urlOf(options, queue);
      try {
        await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: receipt }));
      } catch (fault) {
        // A receipt of an earlier delivery: the one who has the message now goes on.
        if (nameOf(fault) === 'ReceiptHandleIsInvalid') return;
        throw awsError(fault, `cannot acknowledge a message of queue ${queue}`);
      }
    },
  };
}

function urlOf({ urls }: AwsWorkQueueOptions, queue: string): string {
  const url = Object.hasOwn(urls, queue) ? urls[queue] : undefined;
  if (url !== undefined && url !== '') return url;
  const known = Object.keys(urls).join(', ') || 'none';
  const stage = /^stage-(\d+)$/.exec(queue)?.[1];
  const variable = stage === undefined ? 'SLUICE_INBOX' : `SLUICE_STAGE_<JOB>_${stage}`;
  throw new SluiceError(
    'STORE',
    `the URL of the queue '${queue}' is missing; known queues: ${known}`,
    { hint: `set ${variable} to the queue's URL, as the stack does, or deploy the stack again` },
  );
}

function toEntry(
  { message, delayMs = 0 }: { message: Message; delayMs?: number },
  position: number,
): SendMessageBatchRequestEntry {
  if (!(delayMs >= 0 && delayMs <= LONGEST_DELAY_MS)) {
    throw new RangeError(`delayMs must be 0 to ${LONGEST_DELAY_MS}, got ${delayMs}`);
  }
  const body = JSON.stringify(message);
  const bytes = Buffer.byteLength(body);
  if (bytes > MESSAGE_BYTES) {
    throw new SluiceError(
      'STORE',
      `a ${message.step} message has ${bytes} bytes, more than ${MESSAGE_BYTES}`,
      { hint: 'give the batch a shorter name' },
    );
  }
  const delay = wholeSeconds(delayMs);
  return { Id: String(position), MessageBody: body, ...(delay > 0 ? { DelaySeconds: delay } : {}) };
}

/** Positions that SQS did not accept: a call half fails with status 200. */
async function sendTen(
  client: SQSClient,
  { queue, url }: { queue: string; url: string },
  entries: SendMessageBatchRequestEntry[],
): Promise<number[]> {
  const { Failed: failed = [] } = await asking(`cannot send to queue ${queue}`, () =>
    client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries })),
  );
  return failed.map(({ Id: id }) => Number(id));
}

function inTens<T>(all: readonly T[]): T[][] {
  const tens: T[][] = [];
  for (let at = 0; at < all.length; at += ENTRIES) tens.push(all.slice(at, at + ENTRIES));
  return tens;
}

function toDelivery({
  Body: body,
  ReceiptHandle: receipt,
  Attributes: attributes,
}: SqsMessage): Delivery[] {
  if (body === undefined || receipt === undefined) return [];
  try {
    const receives = Number(attributes?.ApproximateReceiveCount ?? 1);
    return [{ message: JSON.parse(body) as Message, receipt, receives }];
  } catch {
    return [];
  }
}

const wholeSeconds = (ms: number): number => Math.ceil(ms / 1000);
