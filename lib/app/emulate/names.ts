import { createHash } from 'node:crypto';
import type { StackAssembly } from './assembly.ts';
import { resolveValue, type Scope } from './intrinsics.ts';

/** The account that fauxqs puts into its queue URLs and ARNs. */
export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';

/** The property that names a resource, where its type has one. */
const NAME_PROPERTY: Readonly<Record<string, string>> = {
  'AWS::S3::Bucket': 'BucketName',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::Events::Rule': 'Name',
  'AWS::CloudWatch::Alarm': 'AlarmName',
  'AWS::CloudWatch::Dashboard': 'DashboardName',
};

/** The ARN of a resource of this type and name. */
const ARN: Readonly<Record<string, (name: string) => string>> = {
  'AWS::S3::Bucket': (name) => `arn:aws:s3:::${name}`,
  'AWS::SQS::Queue': (name) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`,
  'AWS::DynamoDB::Table': (name) => `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${name}`,
  'AWS::Lambda::Function': (name) => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`,
  'AWS::IAM::Role': (name) => `arn:aws:iam::${ACCOUNT}:role/${name}`,
  'AWS::Logs::LogGroup': (name) => `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${name}:*`,
  'AWS::Events::Rule': (name) => `arn:aws:events:${REGION}:${ACCOUNT}:rule/${name}`,
  'AWS::CloudWatch::Alarm': (name) => `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:${name}`,
};

/** The name's own attribute of a type, next to Arn. */
const NAME_ATTRIBUTE: Readonly<Record<string, string>> = {
  'AWS::SQS::Queue': 'QueueName',
};

export const queueUrl = (endpoint: string, name: string): string =>
  `${endpoint}/${ACCOUNT}/${name}`;

/** The last part of a queue's, function's or table's ARN. */
export const nameOfArn = (arn: string): string => arn.split(/[:/]/).at(-1) ?? arn;

/**
 * The names of a stack's resources in this emulator: those that the template gives, and for the others one made of
 * stack, logical id and a digest of both, so that they are the same at every start.
 */
export function newScope(assembly: StackAssembly, endpoint: string): Scope {
  const { name: stack, template } = assembly;
  const scope: Scope = {
    template,
    pseudo: {
      'AWS::Region': REGION,
      'AWS::AccountId': ACCOUNT,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': stack,
      'AWS::StackId': stackId(stack),
    },
    ref(id) {
      const type = template.Resources[id]?.Type;
      return type === 'AWS::SQS::Queue' ? queueUrl(endpoint, nameOf(id)) : nameOf(id);
    },
    attribute(id, attribute) {
      const type = template.Resources[id]?.Type ?? '';
      if (attribute === 'Arn') return ARN[type]?.(nameOf(id));
      if (type === 'AWS::SQS::Queue' && attribute === 'QueueUrl') return scope.ref(id);
      return attribute === NAME_ATTRIBUTE[type] ? nameOf(id) : undefined;
    },
  };
  const nameOf = (id: string): string => {
    const { Type, Properties } = template.Resources[id] ?? { Type: '' };
    const given = Properties?.[NAME_PROPERTY[Type] ?? ''];
    if (given !== undefined) return String(resolveValue(scope, given, `${id}.name`));
    return generatedName(stack, id, Type);
  };
  return scope;
}

export const stackId = (stack: string): string =>
  `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/${stack}/${digest(stack)}`;

/** At most 63 characters, which every type allows; a bucket's name has no upper case. */
function generatedName(stack: string, id: string, type: string): string {
  const name = `${stack.slice(0, 24)}-${id.slice(0, 25)}-${digest(`${stack}/${id}`)}`;
  return type === 'AWS::S3::Bucket' ? name.toLowerCase() : name;
}

const digest = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 12).toUpperCase();
