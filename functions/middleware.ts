import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { awsLogger } from '../lib/adapters/aws/logger.ts';

export const logger = new Logger();
export const portLogger = awsLogger(logger);
const metrics = new Metrics();

type Handle<E, R> = (event: E, context: Context, metrics: Metrics) => Promise<R>;

/**
 * A handler with log context and metrics. `timeoutEarlyInMillis` 0: by default middy answers 5 ms before
 * the deadline while the handler goes on in an environment that is used again. The remaining time is our own check.
 */
export const metered = <E, R>(handle: Handle<E, R>) =>
  middy<E, R>({ timeoutEarlyInMillis: 0 })
    .use(injectLambdaContext(logger))
    .use(logMetrics(metrics, { throwOnEmptyMetrics: false }))
    .handler((event: E, context: Context) => handle(event, context, metrics));

/** Works each message's body; those that threw are named, so that only they are delivered again. */
export async function answerRecords(
  event: SQSEvent,
  work: (body: string) => Promise<void>,
): Promise<SQSBatchResponse> {
  const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
  for (const record of recordsOf(event)) {
    const { messageId, body } = record;
    try {
      await work(body ?? JSON.stringify({ Records: [record] }));
    } catch (error) {
      logger.error('message failed, to be delivered again', { messageId, error });
      // What came by no queue has no one to name it to: the invocation itself fails.
      if (messageId === undefined) throw error;
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}

/** Messages of a queue; or an event that came by hand, from a bucket's notification or from EventBridge. */
function recordsOf(event: SQSEvent): Partial<SQSRecord>[] {
  return Array.isArray(event?.Records) ? event.Records : [{ body: JSON.stringify(event ?? null) }];
}
