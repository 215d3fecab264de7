import { ArnFormat, type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import { type Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { stableId } from './stable-id.ts';
import type { Line } from './stage-queue.ts';
import type { Records, Store } from './storage.ts';

interface Grantee {
  /** Logical id of the function. */
  id: string;
  fn: LambdaFunction;
  policy: Policy;
  logs: LogGroup;
}

/** A function and what it may be allowed: each call gives the right AND the environment variable. */
export interface Granted extends Grantee {
  /** Get objects under `prefix`, and tell an absent one from a forbidden one. */
  mayRead(store: Store, prefix: string): Granted;
  /** Get and put objects under `prefix`. */
  mayWrite(store: Store, prefix: string): Granted;
  /** Get, put and delete objects under `prefix`. */
  mayKeep(store: Store, prefix: string): Granted;
  /** Read, query and update records; nothing scans, and nothing deletes but `sluice purge`. */
  mayUpdate(records: Records): Granted;
  maySend(line: Line): Granted;
  /** Is woken by the queue, a message at a time, at most `maxConcurrency` at once. */
  consumes(line: Line, maxConcurrency: number): Granted;
  /** Read these secrets: variable -> name or ARN. None: nothing is granted. */
  mayOpen(secrets: Readonly<Record<string, string>>): Granted;
}

/** The last is for large objects that are given up half-way. */
const WRITE = ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'];

/** Rights are added to the function's own policy; those with a wildcard acknowledge their own finding. */
export function withGrants(grantee: Grantee): Granted {
  const { fn, policy, logs } = grantee;
  allow(policy, ['logs:CreateLogStream', 'logs:PutLogEvents'], logs.logGroupArn);
  const granted: Granted = {
    ...grantee,
    mayRead: (store, prefix) => {
      allowObjects(policy, ['s3:GetObject', 's3:GetObjectVersion'], { store, prefix });
      fn.addEnvironment(store.variable, store.bucket.bucketName);
      return granted;
    },
    mayWrite: (store, prefix) => {
      allowObjects(policy, WRITE, { store, prefix });
      fn.addEnvironment(store.variable, store.bucket.bucketName);
      return granted;
    },
    mayKeep: (store, prefix) => {
      allowObjects(policy, [...WRITE, 's3:DeleteObject'], { store, prefix });
      fn.addEnvironment(store.variable, store.bucket.bucketName);
      return granted;
    },
    mayUpdate: ({ table, variable }) => {
      allow(policy, ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'], table.tableArn);
      fn.addEnvironment(variable, table.tableName);
      return granted;
    },
    maySend: ({ queue, variable }) => {
      allow(policy, ['sqs:SendMessage'], queue.queueArn);
      fn.addEnvironment(variable, queue.queueUrl);
      return granted;
    },
    consumes: (line, maxConcurrency) => {
      consume(grantee, line, maxConcurrency);
      return granted;
    },
    mayOpen: (secrets) => {
      openSecrets(grantee, secrets);
      return granted;
    },
  };
  return granted;
}

function allow(policy: Policy, actions: string[], resource: string): void {
  policy.addStatements(new PolicyStatement({ actions, resources: [resource] }));
}

/**
 * S3 answers 403, not 404, for an absent object to whoever may not list the bucket ("GetObject",
 * Permissions). IfExists: a get names no prefix to compare, and a listing has to.
 */
function allowObjects(
  policy: Policy,
  actions: string[],
  { store: { bucket }, prefix }: { store: Store; prefix: string },
): void {
  allow(policy, actions, bucket.arnForObjects(prefix));
  policy.addStatements(
    new PolicyStatement({
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: { StringLikeIfExists: { 's3:prefix': prefix } },
    }),
  );
  const { logicalId } = bucket.node.defaultChild as CfnElement;
  const owner = String(Stack.of(bucket).resolve(logicalId));
  Validations.of(policy).acknowledge({
    id: `AwsSolutions-IAM5[Resource::<${owner}.Arn>/${prefix}]`,
    reason: `Object names under ${prefix} are made at run time; the right ends at that prefix.`,
  });
}

function consume({ id, fn, policy }: Grantee, line: Line, maxConcurrency: number): void {
  // What Lambda needs to poll ("Creating and configuring an Amazon SQS event source mapping").
  const actions = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
  allow(policy, actions, line.queue.queueArn);
  const source = new EventSourceMapping(fn.node.scope as Construct, `${id}Source`, {
    target: fn,
    eventSourceArn: line.queue.queueArn,
    // A record is a chunk is an invocation.
    batchSize: 1,
    maxConcurrency,
    reportBatchItemFailures: true,
  });
  stableId(source, `${id}Source`);
  Validations.of(source).acknowledge({
    id: 'Serverless-LambdaEventSourceMappingDestination',
    reason:
      'The mapping of an SQS queue takes no destination: its dead letters go to the queue beside it.',
  });
}

/** Secrets Manager adds six characters to a name in its ARN, hence six '?' ("Troubleshoot AWS Secrets Manager"). */
function openSecrets({ fn, policy }: Grantee, secrets: Readonly<Record<string, string>>): void {
  const names = [...new Set(Object.values(secrets))];
  if (names.length === 0) return;
  for (const name of names) {
    const arn = name.startsWith('arn:')
      ? name
      : Stack.of(fn).formatArn({
          service: 'secretsmanager',
          resource: 'secret',
          resourceName: `${name}-??????`,
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        });
    allow(policy, ['secretsmanager:GetSecretValue'], arn);
  }
  fn.addEnvironment('SLUICE_SECRETS', JSON.stringify(secrets));
}
