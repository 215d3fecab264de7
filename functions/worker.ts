import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { openCloud } from '../lib/app/aws/cloud.ts';
import { handleWork } from '../lib/app/aws/handle-work.ts';
import { answerRecords, logger, metered, portLogger } from './middleware.ts';

const cloud = openCloud({ env: process.env, log: portLogger });
/** A worker has the file of one job beside it. */
const [job = ''] = cloud.jobs.names;

/** One chunk an invocation: claimed, worked within the budget, committed or handed back. */
export const handler = metered<SQSEvent, SQSBatchResponse>((event, context, metrics) => {
  cloud.begin({
    requestId: context.awsRequestId,
    remainingMs: () => context.getRemainingTimeInMillis(),
  });
  return answerRecords(event, async (body) => {
    const worked = await handleWork(cloud, job, body);
    logger.info('chunk', { ...worked });
    if (worked.did === 'committed') {
      metrics.addMetric('ChunksCommitted', 'Count', 1);
      metrics.addMetric('ItemsFailed', 'Count', worked.failed ?? 0);
    }
    if (worked.did === 'newer') metrics.addMetric('NewerSchema', 'Count', 1);
    if (worked.did === 'refused') metrics.addMetric('RefusedMessages', 'Count', 1);
  });
});
