import type { S3Client } from '@aws-sdk/client-s3';
import { awsCheckpointStore } from '../../adapters/aws/checkpoint-store.ts';
import { awsClients } from '../../adapters/aws/clients.ts';
import { awsHost } from '../../adapters/aws/host.ts';
import { awsObjectStore } from '../../adapters/aws/object-store.ts';
import { awsWorkQueue } from '../../adapters/aws/work-queue.ts';
import { systemClock } from '../../adapters/local/clock.ts';
import { SluiceError } from '../../core/errors.ts';
import type { Logger } from '../../ports/logger.ts';
import type { WorkQueue } from '../../ports/work-queue.ts';
import type { Place } from '../place.ts';
import { urlsOf } from './cloud.ts';
import { currentRegion, describeStack } from './describe-stack.ts';
import { type AskedOf, explainStack } from './stack-errors.ts';
import { readOutputs, type StackOutputs } from './stack-outputs.ts';

/** A deployed stack, reached with the credentials and the region of the person's own shell. */
export interface StackPlace extends Place {
  kind: 'stack';
  /** Name of the CloudFormation stack. */
  stack: string;
  outputs: StackOutputs;
  s3: S3Client;
  /** Queues of one job's batches, by the names that the engine uses. */
  queueOf(job: string): WorkQueue;
  /** An error of a command on this stack, as a person can act on it. */
  explain(error: unknown): unknown;
}

/**
 * Asks CloudFormation for the outputs of a stack and opens what they name.
 * Throws a SluiceError: `STORE` (no credentials, no region, no right, expired), `NOT_FOUND` (no such
 * stack), `STATE` (not one of Sluice's).
 */
export async function openStack(stack: string, log: Logger): Promise<StackPlace> {
  const outputs = readOutputs(stack, await outputsOf(stack));
  const clients = awsClients();
  const name = `stack ${stack}`;
  const asked: AskedOf = { what: name, table: outputs.table };
  return {
    kind: 'stack',
    stack,
    name,
    outputs,
    clock: systemClock(),
    host: awsHost({ id: 'cli', requestId: () => `cli-${process.pid}` }),
    store: awsCheckpointStore({ client: clients.dynamo, table: outputs.table }),
    objects: awsObjectStore({ client: clients.s3, bucket: outputs.reports }),
    log,
    s3: clients.s3,
    queueOf: (job) => awsWorkQueue({ client: clients.sqs, urls: urlsOf(outputs, job) }),
    where: (key) => `s3://${outputs.reports}/${key}`,
    explain: (error) => explainStack(error, asked),
    close: async () => clients.close(),
  };
}

async function outputsOf(stack: string): Promise<Record<string, string>> {
  const found = await describeStack(stack);
  if (found !== undefined) return found.outputs;
  const region = await currentRegion();
  throw new SluiceError('NOT_FOUND', `There is no stack ${stack} in ${region}.`, {
    hint: `Check the name and the region (AWS_REGION, AWS_PROFILE), see what is there with: aws cloudformation describe-stacks --query 'Stacks[].StackName' --region ${region}; or deploy it: npx cdk deploy`,
  });
}
