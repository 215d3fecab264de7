import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { assetFolder, type Json, type JsonObject } from './assembly.ts';
import { templateFault } from './faults.ts';
import { checkMapping, type MappingSpec, mappingSpec } from './mapping-specs.ts';
import { nameOfArn } from './names.ts';
import { type Properties, readProperties, type SpecsContext } from './properties.ts';
import { type RuleSpec, readRules } from './rule-specs.ts';

export interface QueueSpec {
  logicalId: string;
  name: string;
  arn: string;
  /** Attributes for CreateQueue, already divided by the speed. */
  attributes: Record<string, string>;
  visibilityMs: number;
  /** Name of its dead-letter queue. */
  deadLetters: string | undefined;
}

export interface BucketSpec {
  logicalId: string;
  name: string;
  notifications: JsonObject;
}

export interface TableSpec {
  logicalId: string;
  name: string;
  /** What CreateTable takes, without the name. */
  definition: JsonObject;
}

export interface FunctionSpec {
  logicalId: string;
  name: string;
  arn: string;
  /** LAMBDA_TASK_ROOT. */
  folder: string;
  /** The file that holds the handler, and the name under which it exports it. */
  file: string;
  exported: string;
  runtime: string;
  memoryMb: number;
  /** Divided by the speed. */
  timeoutMs: number;
  environment: Record<string, string>;
  /** Reserved concurrency; undefined: it shares the account's. */
  reserved: number | undefined;
  /** More tries after an asynchronous invocation failed. */
  retries: number;
}

/** Everything of a stack that is run, with all names and times worked out. */
export interface StackSpecs {
  queues: QueueSpec[];
  buckets: BucketSpec[];
  tables: TableSpec[];
  functions: FunctionSpec[];
  mappings: MappingSpec[];
  rules: RuleSpec[];
}

/** Works out what is to be run. Throws a SluiceError `BAD_INPUT` where AWS would refuse the stack. */
export function readSpecs(context: SpecsContext): StackSpecs {
  const { sorted, scope } = context;
  const each = <T>(type: string, read: (context: SpecsContext, properties: Properties) => T): T[] =>
    sorted.ids(type).map((id) => read(context, readProperties(scope, id)));
  const specs = {
    queues: each('AWS::SQS::Queue', queueSpec),
    buckets: each('AWS::S3::Bucket', bucketSpec),
    tables: each('AWS::DynamoDB::Table', tableSpec),
    functions: each('AWS::Lambda::Function', functionSpec),
    mappings: each('AWS::Lambda::EventSourceMapping', mappingSpec).flat(),
    rules: readRules(context),
  };
  for (const mapping of specs.mappings) {
    const queue = specs.queues.find(({ name }) => name === mapping.queue);
    const target = specs.functions.find(({ name }) => name === mapping.function);
    checkMapping(mapping, { queue, function: target });
  }
  return withRetries(specs, each('AWS::Lambda::EventInvokeConfig', retriesOf));
}

/** The rest of the default values: AWS::SQS::Queue in the CloudFormation reference. */
const VISIBILITY_S = 30;

function queueSpec(
  { speed }: SpecsContext,
  { logicalId, text, number, object }: Properties,
): QueueSpec {
  // SQS counts whole seconds; a visibility time-out of 0 would deliver a message to everybody at once.
  const visibility = Math.max(1, Math.ceil(number('VisibilityTimeout', VISIBILITY_S) / speed));
  const redrive = object('RedrivePolicy');
  const kept = ['MessageRetentionPeriod', 'MaximumMessageSize', 'ReceiveMessageWaitTimeSeconds'];
  const attributes: Record<string, string> = {
    VisibilityTimeout: String(visibility),
    DelaySeconds: String(Math.ceil(number('DelaySeconds', 0) / speed)),
    ...Object.fromEntries(
      kept.flatMap((name) => {
        const value = number(name, Number.NaN);
        return Number.isNaN(value) ? [] : [[name, String(value)]];
      }),
    ),
    ...(redrive === undefined ? {} : { RedrivePolicy: JSON.stringify(redrive) }),
  };
  const deadLetterArn = redrive?.['deadLetterTargetArn'];
  return {
    logicalId,
    name: text('@name'),
    arn: text('@arn'),
    attributes,
    visibilityMs: visibility * 1000,
    deadLetters: deadLetterArn === undefined ? undefined : nameOfArn(String(deadLetterArn)),
  };
}

const bucketSpec = (
  _context: SpecsContext,
  { logicalId, text, object }: Properties,
): BucketSpec => ({
  logicalId,
  name: text('@name'),
  notifications: object('NotificationConfiguration') ?? {},
});

function tableSpec(_context: SpecsContext, { logicalId, text, all }: Properties): TableSpec {
  const definition: JsonObject = {};
  for (const name of [
    'KeySchema',
    'AttributeDefinitions',
    'BillingMode',
    'ProvisionedThroughput',
    'GlobalSecondaryIndexes',
    'LocalSecondaryIndexes',
  ]) {
    if (all[name] !== undefined) definition[name] = all[name];
  }
  return { logicalId, name: text('@name'), definition };
}

/** 3 s and 128 MB: AWS::Lambda::Function in the CloudFormation reference. */
const TIMEOUT_S = 3;
const MEMORY_MB = 128;

function functionSpec({ assembly, speed }: SpecsContext, properties: Properties): FunctionSpec {
  const { logicalId, text, number, object } = properties;
  const runtime = text('Runtime', '');
  if (!/^nodejs\d+\.x$/.test(runtime)) {
    const what = runtime === '' ? 'no runtime (an image?)' : `runtime ${runtime}`;
    throw templateFault(`Function ${logicalId} has ${what}; the emulator runs nodejs<n>.x.`);
  }
  const folder = assetFolder(assembly, String(object('Code')?.['S3Key'] ?? ''), logicalId);
  const [module = '', exported = ''] = text('Handler', '').split('.');
  const file = ['mjs', 'js', 'cjs']
    .map((ending) => join(folder, `${module}.${ending}`))
    .find((path) => existsSync(path));
  if (file === undefined) {
    throw templateFault(`Function ${logicalId}: no file ${module}.mjs, .js or .cjs in ${folder}.`);
  }
  const variables = (object('Environment')?.['Variables'] ?? {}) as Record<string, Json>;
  const reserved = number('ReservedConcurrentExecutions', -1);
  return {
    logicalId,
    name: text('@name'),
    arn: text('@arn'),
    folder,
    file,
    exported,
    runtime,
    memoryMb: number('MemorySize', MEMORY_MB),
    timeoutMs: Math.max(1, Math.round((number('Timeout', TIMEOUT_S) * 1000) / speed)),
    environment: Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, String(value)]),
    ),
    reserved: reserved < 0 ? undefined : reserved,
    retries: DEFAULT_RETRIES,
  };
}

/** lambda/latest/dg/invocation-async-error-handling: two more attempts. */
const DEFAULT_RETRIES = 2;

const retriesOf = (_context: SpecsContext, { text, number }: Properties): [string, number] => [
  nameOfArn(text('FunctionName')),
  number('MaximumRetryAttempts', DEFAULT_RETRIES),
];

function withRetries(specs: StackSpecs, retries: readonly [string, number][]): StackSpecs {
  const byName = new Map(retries);
  return {
    ...specs,
    functions: specs.functions.map((spec) => ({
      ...spec,
      retries: byName.get(spec.name) ?? spec.retries,
    })),
  };
}
