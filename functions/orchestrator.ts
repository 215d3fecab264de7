import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { openCloud } from '../lib/app/aws/cloud.ts';
import { type Handled, handleInbox } from '../lib/app/aws/handle-inbox.ts';
import { answerRecords, logger, metered, portLogger } from './middleware.ts';

const cloud = openCloud({ env: process.env, log: portLogger });

/** The inbox: uploads to start, steps of planning, ends to write. One message an invocation. */
export const handler = metered<SQSEvent, SQSBatchResponse>((event, context, metrics) => {
  cloud.begin({
    requestId: context.awsRequestId,
    remainingMs: () => context.getRemainingTimeInMillis(),
  });
  return answerRecords(event, async (body) => {
    for (const handled of await handleInbox(cloud, body)) {
      logger.info('inbox', { ...handled });
      const metric = METRICS[handled.did];
      if (metric !== undefined) metrics.addMetric(metric, 'Count', 1);
    }
  });
});

const METRICS: Partial<Record<Handled['did'], string>> = {
  started: 'BatchesStarted',
  broken: 'BrokenBatches',
  refused: 'RefusedMessages',
  newer: 'NewerSchema',
};
