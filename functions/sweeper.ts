import type { ScheduledEvent } from 'aws-lambda';
import { openCloud } from '../lib/app/aws/cloud.ts';
import { sweepAll } from '../lib/app/aws/sweep-all.ts';
import { logger, metered, portLogger } from './middleware.ts';

const cloud = openCloud({ env: process.env, log: portLogger });

/** Each minute: everything that lost its message or its event goes on, from state alone. */
export const handler = metered<ScheduledEvent, void>(async (_event, context, metrics) => {
  cloud.begin({
    requestId: context.awsRequestId,
    remainingMs: () => context.getRemainingTimeInMillis(),
  });
  const { live, resent, stalled, lostUploads, forgotten, errors } = await sweepAll(cloud);
  logger.info('sweep', { live, resent, stalled, lostUploads, forgotten });
  for (const { batch, error } of errors) logger.error('sweep failed', { batch, error });
  metrics.addMetric('LiveBatches', 'Count', live);
  metrics.addMetric('Resent', 'Count', resent);
  metrics.addMetric('StalledBatches', 'Count', stalled.length);
  const newer = errors.filter(({ error }) => (error as { code?: string }).code === 'NEWER').length;
  metrics.addMetric('NewerSchema', 'Count', newer);
  if (errors.length > newer) throw new Error(`${errors.length - newer} batches could not be swept`);
});
