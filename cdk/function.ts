import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  AssetHashType,
  DockerImage,
  Duration,
  RemovalPolicy,
  Stack,
  Validations,
} from 'aws-cdk-lib';
import { Policy, PolicyDocument, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  RecursiveLoop,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { HTTP_FILE } from '../lib/app/aws/cloud-http.ts';
import { SluiceError } from '../lib/core/errors.ts';
import { type Granted, withGrants } from './grants.ts';
import type { BundledJob } from './jobs.ts';
import { stableId } from './stable-id.ts';

export interface FunctionOptions {
  /** Folder of its bundle: orchestrator, worker or sweeper. */
  kind: 'orchestrator' | 'worker' | 'sweeper';
  /** Folder that holds the bundles. */
  functions: string;
  /** Jobs that lie beside the bundle: a worker has its own only, so that another job's change leaves it alone. */
  jobs: readonly BundledJob[];
  memoryMb: number;
  timeoutS: number;
  /** Reserved concurrency; undefined reserves none. */
  reserved: number | undefined;
  environment: Readonly<Record<string, string>>;
  description: string;
}

/** The bundles of this package, wherever this code was bundled to. */
export const builtFunctions = (): string =>
  join(dirname(dirname(createRequire(import.meta.url).resolve('#thread'))), 'functions');

/** A function with a role and a log group of its own; it may do nothing else until it is granted. */
export function createFunction(scope: Construct, id: string, options: FunctionOptions): Granted {
  const { kind, memoryMb, timeoutS, reserved, environment, description } = options;
  const logs = new LogGroup(scope, `${id}Logs`, {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  stableId(logs, `${id}Logs`);
  const role = new Role(scope, `${id}Role`, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  });
  stableId(role, `${id}Role`);
  const policy = new Policy(scope, `${id}Policy`, {
    document: new PolicyDocument({ minimize: true }),
    roles: [role],
  });
  stableId(policy, `${id}Policy`);
  const fn = new LambdaFunction(scope, id, {
    description,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
    code: codeOf(options),
    role,
    logGroup: logs,
    memorySize: memoryMb,
    timeout: Duration.seconds(timeoutS),
    ...(reserved === undefined ? {} : { reservedConcurrentExecutions: reserved }),
    // Each commit releases the next chunk to the queue that woke it; Lambda would drop the 17th hop.
    ...(kind === 'sweeper' ? {} : { recursiveLoop: RecursiveLoop.ALLOW }),
    environment: {
      POWERTOOLS_SERVICE_NAME: Stack.of(scope).stackName,
      POWERTOOLS_METRICS_NAMESPACE: METRICS,
      POWERTOOLS_LOG_LEVEL: 'INFO',
      ...environment,
    },
  });
  stableId(fn, id);
  fn.node.addDependency(policy);
  acknowledge(fn);
  return withGrants({ id, fn, policy, logs });
}

/** Namespace of the metrics that the functions write. */
export const METRICS = 'Sluice';

function acknowledge(fn: LambdaFunction): void {
  const reasons = {
    'Serverless-LambdaDLQ':
      'Its queue has a dead-letter queue; what a lost sweep would have done, the next does a minute later.',
    'Serverless-LambdaTracing':
      "Tracing needs rights on Resource *; times, tries and workers are in each part's attempts.",
  };
  for (const [id, reason] of Object.entries(reasons))
    Validations.of(fn).acknowledge({ id, reason });
}

/**
 * index.mjs, jobs/<name>.mjs, and http.mjs for the worker of a job with `http`. The asset's hash is that of these bytes and names alone, so that the
 * same code is never deployed twice, from whatever folder and under whatever file modes it was built.
 */
function codeOf({ kind, functions, jobs }: FunctionOptions): Code {
  const index = join(functions, kind, 'index.mjs');
  if (!existsSync(index)) {
    throw new SluiceError('NOT_FOUND', `There is no bundle of the ${kind} function: ${index}.`, {
      hint: 'Build it: npm run build.',
    });
  }
  const hash = createHash('sha256').update(readFileSync(index));
  const http = kind === 'worker' && jobs.some((job) => job.http === true);
  const client = http ? join(functions, kind, HTTP_FILE) : undefined;
  if (client !== undefined) hash.update(readFileSync(client));
  for (const { name, digest } of jobs) hash.update(`\n${name} ${digest}`);
  return Code.fromAsset(dirname(index), {
    assetHash: hash.digest('hex'),
    assetHashType: AssetHashType.CUSTOM,
    bundling: {
      // Never pulled: local bundling always succeeds or throws.
      image: DockerImage.fromRegistry('scratch'),
      local: {
        tryBundle(folder) {
          cpSync(index, join(folder, 'index.mjs'));
          if (client !== undefined) cpSync(client, join(folder, HTTP_FILE));
          mkdirSync(join(folder, 'jobs'));
          for (const { name, bytes } of jobs) {
            writeFileSync(join(folder, 'jobs', `${name}.mjs`), bytes);
          }
          return true;
        },
      },
    },
  });
}
