import type { StackAssembly } from './assembly.ts';
import { templateFault, UNKNOWN_HINT } from './faults.ts';
import { holds, type Scope } from './intrinsics.ts';

/** A type that is run: the properties that count, and those that change nothing here. */
interface RunType {
  uses: readonly string[];
  leaves: readonly string[];
}

/**
 * Property by property: one that is in neither list might change how the stack behaves, so it is an error.
 * What is left aside guards, encrypts, keeps or names things; nothing of it changes what a function sees.
 */
const RUN: Readonly<Record<string, RunType>> = {
  'AWS::S3::Bucket': {
    uses: ['BucketName', 'NotificationConfiguration'],
    // Versions: the emulated S3 has none, so events and answers carry no versionId.
    leaves: [
      'BucketEncryption',
      'PublicAccessBlockConfiguration',
      'VersioningConfiguration',
      'LifecycleConfiguration',
      'LoggingConfiguration',
      'OwnershipControls',
      'AccessControl',
      'MetricsConfigurations',
      'Tags',
    ],
  },
  'AWS::SQS::Queue': {
    uses: [
      'QueueName',
      'VisibilityTimeout',
      'DelaySeconds',
      'RedrivePolicy',
      'MessageRetentionPeriod',
      'MaximumMessageSize',
      'ReceiveMessageWaitTimeSeconds',
    ],
    leaves: [
      'SqsManagedSseEnabled',
      'KmsMasterKeyId',
      'KmsDataKeyReusePeriodSeconds',
      'RedriveAllowPolicy',
      'Tags',
    ],
  },
  'AWS::DynamoDB::Table': {
    uses: [
      'TableName',
      'KeySchema',
      'AttributeDefinitions',
      'BillingMode',
      'ProvisionedThroughput',
      'GlobalSecondaryIndexes',
      'LocalSecondaryIndexes',
    ],
    // Time to live: nothing expires in the life of an emulator.
    leaves: [
      'PointInTimeRecoverySpecification',
      'SSESpecification',
      'TimeToLiveSpecification',
      'DeletionProtectionEnabled',
      'TableClass',
      'ContributorInsightsSpecification',
      'Tags',
    ],
  },
  'AWS::Lambda::Function': {
    uses: [
      'FunctionName',
      'Code',
      'Handler',
      'Runtime',
      'MemorySize',
      'Timeout',
      'Environment',
      'ReservedConcurrentExecutions',
    ],
    leaves: [
      'Role',
      'Architectures',
      'Description',
      'EphemeralStorage',
      'KmsKeyArn',
      'LoggingConfig',
      'RecursiveLoop',
      'RuntimeManagementConfig',
      'TracingConfig',
      'Tags',
    ],
  },
  'AWS::Lambda::EventSourceMapping': {
    uses: [
      'BatchSize',
      'Enabled',
      'EventSourceArn',
      'FunctionName',
      'FunctionResponseTypes',
      'MaximumBatchingWindowInSeconds',
      'ScalingConfig',
    ],
    leaves: ['MetricsConfig', 'Tags'],
  },
  'AWS::Lambda::EventInvokeConfig': {
    uses: ['FunctionName', 'MaximumRetryAttempts', 'MaximumEventAgeInSeconds'],
    leaves: ['Qualifier'],
  },
  'AWS::Events::Rule': {
    uses: ['ScheduleExpression', 'EventPattern', 'State', 'Targets'],
    leaves: ['Name', 'Description', 'Tags'],
  },
};

/** Types that need nothing done here, and why. */
const NOTHING_TO_DO: Readonly<Record<string, string>> = {
  'AWS::IAM::Role': 'no rights are checked: emulated services answer everybody on this machine',
  'AWS::IAM::Policy': 'no rights are checked',
  'AWS::IAM::ManagedPolicy': 'no rights are checked',
  'AWS::S3::BucketPolicy': 'no rights are checked',
  'AWS::SQS::QueuePolicy': 'no rights are checked',
  'AWS::Lambda::Permission': 'no rights are checked',
  'AWS::Logs::LogGroup': 'output of functions goes to files',
  'AWS::Logs::MetricFilter': 'metrics are not kept',
  'AWS::CloudWatch::Alarm': 'metrics are not kept',
  'AWS::CloudWatch::CompositeAlarm': 'metrics are not kept',
  'AWS::CloudWatch::Dashboard': 'metrics are not kept',
  'AWS::CDK::Metadata': "it describes the app to AWS's own statistics",
};

export interface Ignored {
  logicalId: string;
  type: string;
  why: string;
}

/** Resources that are run, by type, and those that need nothing. */
export interface SortedResources {
  ids(type: keyof typeof RUN): string[];
  ignored: Ignored[];
}

/**
 * Sorts a template's resources. One whose condition does not hold is not there. Throws a SluiceError `BAD_INPUT`
 * that names type and logical id for a type, or a property of a type that is run, that the emulator does not know.
 */
export function sortResources({ template }: StackAssembly, scope: Scope): SortedResources {
  const byType = new Map<string, string[]>();
  const ignored: Ignored[] = [];
  for (const [logicalId, { Type, Properties, Condition }] of Object.entries(template.Resources)) {
    if (Condition !== undefined && !holds(scope, Condition)) continue;
    const why = NOTHING_TO_DO[Type];
    if (why !== undefined) {
      ignored.push({ logicalId, type: Type, why });
      continue;
    }
    const known = RUN[Type];
    if (known === undefined) {
      throw templateFault(
        `Resource ${logicalId} is an ${Type}, a type that the emulator does not know.`,
        UNKNOWN_HINT,
      );
    }
    const strange = Object.keys(Properties ?? {}).find(
      (name) => !known.uses.includes(name) && !known.leaves.includes(name),
    );
    if (strange !== undefined) {
      throw templateFault(
        `Resource ${logicalId} (${Type}) has ${strange}, a property that the emulator does not know.`,
        UNKNOWN_HINT,
      );
    }
    byType.set(Type, [...(byType.get(Type) ?? []), logicalId]);
  }
  return { ids: (type) => byType.get(type) ?? [], ignored };
}
