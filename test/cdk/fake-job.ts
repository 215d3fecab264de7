import type { BundledJob } from '../../cdk/jobs.ts';

/** A job as `bundleJobs` gives it, without a bundle worth running. */
export const fakeJob = (
  name: string,
  limits: Partial<BundledJob['stages'][0]> = {},
): BundledJob => ({
  name,
  digest: name.padEnd(64, '0'),
  bytes: new TextEncoder().encode(`export default '${name}';\n`),
  stages: [{ workers: 10, itemTimeoutMs: 30_000, memoryMb: 512, ...limits }],
});
