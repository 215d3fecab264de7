/**
 * Sluice's public names: what a job file imports.
 *
 * @example
 * import { defineJob, ndjson, ok } from 'sluice';
 * export default defineJob({ name: 'noop', input: ndjson(), process: () => ok(null) });
 */
export type { FoundFile } from './core/discovery.ts';
export { PermanentError, RetryableError, StalledError, UnavailableError } from './core/errors.ts';
export type { Group, GroupByContext, GroupByDefinition } from './core/group.ts';
export { groupBy } from './core/group.ts';
export type {
  BreakerSettings,
  Http,
  HttpAnswer,
  HttpSettings,
  RequestOptions,
  RequestOptionsWithBody,
} from './core/http.ts';
export type { Job, JobContext, JobDefinition, Limits, Quota, Retry } from './core/job.ts';
export { defineJob } from './core/job.ts';
export type { Outcome, Result } from './core/outcome.ts';
export { ok, skip } from './core/outcome.ts';
export type { PollAnswer, PollOptions } from './core/poll.ts';
export type { QuotaDefinition } from './core/quota.ts';
export type { Stage, StageLimits } from './core/stage.ts';
export { each } from './core/stage.ts';
export type { GroupContext, GroupResult, GroupStep } from './core/step.ts';
export { inBatches } from './core/step.ts';
export { csv } from './io/csv.ts';
export { type FilesOptions, files } from './io/files.ts';
export { jsonArray } from './io/json-array.ts';
export { ndjson } from './io/ndjson.ts';
export { parquet } from './io/parquet.ts';
