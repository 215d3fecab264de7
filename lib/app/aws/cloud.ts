import type { S3Client } from '@aws-sdk/client-s3';
import { awsCheckpointStore } from '../../adapters/aws/checkpoint-store.ts';
import { awsClients } from '../../adapters/aws/clients.ts';
import { awsHost } from '../../adapters/aws/host.ts';
import { awsObjectStore } from '../../adapters/aws/object-store.ts';
import { awsWorkQueue } from '../../adapters/aws/work-queue.ts';
import { systemClock } from '../../adapters/local/clock.ts';
import type { HttpHost } from '../../engine/http-env.ts';
import { ORCHESTRATOR, stageQueue } from '../../engine/send.ts';
import type { CheckpointStore } from '../../ports/checkpoint-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Host } from '../../ports/host.ts';
import type { Logger } from '../../ports/logger.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import type { WorkQueue } from '../../ports/work-queue.ts';
import { cloudHttp } from './cloud-http.ts';
import { type DeployedJobs, deployedJobs } from './deployed-jobs.ts';
import { type CloudSettings, cloudSettings } from './settings.ts';

/** Everything that a function of the stack works with; made once an environment. */
export interface Cloud {
  settings: CloudSettings;
  clock: Clock;
  host: Host;
  store: CheckpointStore;
  objects: ObjectStore;
  /** For uploads, which are read by version and ETag. */
  s3: S3Client;
  log: Logger;
  jobs: DeployedJobs;
  /** For jobs that call remotes. */
  http: HttpHost;
  /** Queues of one job's batches, by the names that the engine uses. */
  queueOf(job: string): WorkQueue;
  /** The invocation under way. */
  readonly invocation: Invocation;
  begin(invocation: Pick<Invocation, 'requestId' | 'remainingMs'>): void;
}

export interface Invocation {
  requestId: string;
  /** Real milliseconds until Lambda ends the function. */
  remainingMs(): number;
  /** Monotonic time of its start. */
  startedAt: number;
}

export interface CloudOptions {
  env: Readonly<Record<string, string | undefined>>;
  log: Logger;
}

/** Before the first invocation: the longest that a function can live. */
const LONGEST_LIFE_MS = 900_000;

/** Opens what the environment names. Throws `USAGE` when the environment is not the stack's. */
export function openCloud({ env, log }: CloudOptions): Cloud {
  const settings = cloudSettings(env);
  const clock = clockOff(systemClock(), settings.clockOffsetMs);
  let invocation: Invocation = {
    requestId: 'init',
    remainingMs: () => LONGEST_LIFE_MS,
    startedAt: clock.monotonic(),
  };
  const clients = awsClients({ remainingMs: () => invocation.remainingMs() });
  const root = env['LAMBDA_TASK_ROOT'] ?? '.';
  const queues = new Map<string, WorkQueue>();
  const queueOf = (job: string): WorkQueue => {
    const queue =
      queues.get(job) ?? awsWorkQueue({ client: clients.sqs, urls: urlsOf(settings, job) });
    queues.set(job, queue);
    return queue;
  };
  return {
    settings,
    clock,
    host: awsHost({ id: environmentName(env), requestId: () => invocation.requestId }),
    store: awsCheckpointStore({ client: clients.dynamo, table: settings.table }),
    objects: awsObjectStore({ client: clients.s3, bucket: settings.reports }),
    s3: clients.s3,
    log,
    jobs: deployedJobs(root),
    http: cloudHttp(root),
    queueOf,
    get invocation() {
      return invocation;
    },
    begin({ requestId, remainingMs }) {
      invocation = { requestId, remainingMs, startedAt: clock.monotonic() };
    },
  };
}

/** The wall clock alone: time passes as it does. */
const clockOff = (clock: Clock, ms: number): Clock =>
  ms === 0 ? clock : { ...clock, now: () => clock.now() + ms };

/** Queue URLs of one job's batches by the engine's queue names. */
export function urlsOf(
  { queues }: Pick<CloudSettings, 'queues'>,
  job: string,
): Record<string, string> {
  const urls: Record<string, string> = { [ORCHESTRATOR]: queues[ORCHESTRATOR] as string };
  for (let stage = 0; ; stage += 1) {
    const url = queues[`${job}/${stage}`];
    if (url === undefined) return urls;
    urls[stageQueue(stage)] = url;
  }
}

/** `2026/11/22/[$LATEST]0123456789abcdef...` names an environment; its last 12 letters tell it from others. */
function environmentName(env: CloudOptions['env']): string {
  const stream = env['AWS_LAMBDA_LOG_STREAM_NAME'] ?? 'unknown';
  return `lambda/${stream.slice(-12)}`;
}
