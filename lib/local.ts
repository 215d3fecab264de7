/**
 * Running batches from code: `import { openHome, runBatch } from 'sluice/local'`.
 *
 * @example
 * const home = await openHome('.sluice');
 * const { batch } = await runBatch(home, { job: './job.ts', inputs: ['rows.csv'] });
 * console.log(batch.status);
 * await home.close();
 */
export { type Home, openHome } from './app/home.ts';
export { ownProcess } from './app/own-process.ts';
export { type RetryRequest, retryBatch } from './app/retry.ts';
export {
  type ResumeRequest,
  type RunRequest,
  resumeBatchById,
  runBatch,
} from './app/run-batch.ts';
export { cancelBatch, pauseBatch } from './app/stop.ts';
