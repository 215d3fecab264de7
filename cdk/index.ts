/**
 * Sluice in a CDK app.
 *
 * @example
 * import { App } from 'aws-cdk-lib';
 * import { bundleJobs, SluiceStack } from 'sluice/cdk';
 * const app = new App();
 * new SluiceStack(app, 'Import', { jobs: await bundleJobs(['odds', './companies.ts']) });
 */
export type { Consumer } from './alarms.ts';
export type { Granted } from './grants.ts';
export { type BundledJob, bundleJobs, type StageLimits } from './jobs.ts';
export type { StackSettings } from './settings.ts';
export { SluiceStack, type SluiceStackProps } from './stack.ts';
export type { Line } from './stage-queue.ts';
export type { Records, Storage, Store } from './storage.ts';
