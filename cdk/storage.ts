import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type CfnBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { CfnQueuePolicy } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { stableId } from './stable-id.ts';
import type { Line } from './stage-queue.ts';

/** A bucket, and the environment variable that tells a function its name. */
export interface Store {
  bucket: Bucket;
  variable: string;
}

/** The table, and the environment variable that tells a function its name. */
export interface Records {
  table: Table;
  variable: string;
}

export interface Storage {
  uploads: Store;
  reports: Store;
  records: Records;
}

/** Where uploads arrive; everything else in the bucket wakes nobody. */
export const INBOX_PREFIX = 'inbox/';

/** Buckets and table: private, encrypted, TLS only, and kept when the stack goes. */
export function createStorage(scope: Construct, keepReportDays: number | undefined): Storage {
  // A new version of an upload is a new batch, and a batch reads the version that it planned.
  const uploads = createBucket(scope, 'UploadBucket', { versioned: true });
  const reports = createBucket(
    scope,
    'ReportBucket',
    keepReportDays === undefined ? {} : { expireDays: keepReportDays },
  );
  const table = new Table(scope, 'Table', {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.DEFAULT,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    // Set on records of ended batches only.
    timeToLiveAttribute: 'expires',
    removalPolicy: RemovalPolicy.RETAIN,
  });
  stableId(table, 'Table');
  return {
    uploads: { bucket: uploads, variable: 'SLUICE_UPLOADS' },
    reports: { bucket: reports, variable: 'SLUICE_REPORTS' },
    records: { table, variable: 'SLUICE_TABLE' },
  };
}

function createBucket(
  scope: Construct,
  id: string,
  { versioned = false, expireDays }: { versioned?: boolean; expireDays?: number },
): Bucket {
  const props: BucketProps = {
    versioned,
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules: [
      // Parts of an upload that never ended are billed and not listed.
      { id: 'abort-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
      ...(expireDays === undefined
        ? []
        : [{ id: 'expire', prefix: 'batches/', expiration: Duration.days(expireDays) }]),
    ],
  };
  const bucket = new Bucket(scope, id, props);
  stableId(bucket, id);
  stableId(bucket.policy as Construct, `${id}Policy`);
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason:
      'Access logs would need a third bucket that itself has none; CloudTrail data events give the same and are the choice of the account.',
  });
  return bucket;
}

/**
 * Objects under inbox/ become messages, by the bucket's own configuration: the L2 helper would add a
 * function of its own, with a role that may write any bucket's notifications.
 */
export function deliverUploads({ bucket }: Store, { queue }: Line): void {
  queue.addToResourcePolicy(
    new PolicyStatement({
      actions: ['sqs:SendMessage'],
      principals: [new ServicePrincipal('s3.amazonaws.com')],
      resources: [queue.queueArn],
      // Naming the bucket here as well would be a cycle: bucket -> policy -> bucket.
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(bucket).account } },
    }),
  );
  const resource = bucket.node.defaultChild as CfnBucket;
  resource.notificationConfiguration = {
    queueConfigurations: [
      {
        event: 's3:ObjectCreated:*',
        queue: queue.queueArn,
        filter: { s3Key: { rules: [{ name: 'prefix', value: INBOX_PREFIX }] } },
      },
    ],
  };
  // S3 sends a test message while the bucket is made, and fails the deployment when it may not.
  const policy = queue.node.findChild('Policy').node.defaultChild as CfnQueuePolicy;
  resource.addResourceDependency(policy);
}
