import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Json,
  type Resource,
  readAssembly,
  type StackAssembly,
  type Template,
} from '../../../lib/app/emulate/assembly.ts';
import { deadLettersFirst } from '../../../lib/app/emulate/create.ts';
import { resolveValue } from '../../../lib/app/emulate/intrinsics.ts';
import { newScope } from '../../../lib/app/emulate/names.ts';
import { sortResources } from '../../../lib/app/emulate/resource-types.ts';
import { rateMs } from '../../../lib/app/emulate/rule-specs.ts';
import { readSpecs, type StackSpecs } from '../../../lib/app/emulate/specs.ts';
import { lambda, mapping, queue, ROLE, sub, writeAssembly } from './tiny-stack.ts';

const ENDPOINT = 'http://127.0.0.1:4566';
const TEMPLATE: Template = {
  Parameters: {
    Word: { Type: 'String', Default: 'word' },
    BootstrapVersion: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/cdk/version' },
  },
  Mappings: { Sizes: { small: { mb: 128 } } },
  Conditions: {
    InUs: { 'Fn::Or': [{ 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'us-east-1'] }, false] },
    NotInUs: { 'Fn::Not': [{ Condition: 'InUs' }] },
    Both: { 'Fn::And': [{ Condition: 'InUs' }, { Condition: 'NotInUs' }] },
  },
  Resources: {
    Bucket: { Type: 'AWS::S3::Bucket' },
    Named: { Type: 'AWS::S3::Bucket', Properties: { BucketName: sub('AWS::AccountId', 'mine') } },
    Queue: { Type: 'AWS::SQS::Queue' },
    Policy: { Type: 'AWS::IAM::Policy' },
  },
};
const scope = newScope({ name: 'Tiny', template: TEMPLATE, assets: new Map() }, ENDPOINT);
const resolve = (value: Json): Json => resolveValue(scope, value, 'Here');

describe('intrinsic functions', () => {
  it.each<[string, Json, Json]>([
    ['a parameter', { Ref: 'Word' }, 'word'],
    ['a queue', { Ref: 'Queue' }, expect.stringMatching(`^${ENDPOINT}/000000000000/Tiny-Queue-`)],
    ['a bucket', { Ref: 'Bucket' }, expect.stringMatching(/^tiny-bucket-[0-9a-f]{12}$/)],
    ['a named bucket', { 'Fn::GetAtt': ['Named', 'Arn'] }, 'arn:aws:s3:::000000000000-mine'],
    ['GetAtt as a text', { 'Fn::GetAtt': 'Named.Arn' }, 'arn:aws:s3:::000000000000-mine'],
    ['Join', { 'Fn::Join': ['-', ['a', { Ref: 'AWS::Partition' }, 'b']] }, 'a-aws-b'],
    ['Select of Split', { 'Fn::Select': [1, { 'Fn::Split': ['/', 'a/b/c'] }] }, 'b'],
    [
      'Sub',
      { 'Fn::Sub': 'x$' + '{Named.Arn}y$' + '{!Lit}' },
      'xarn:aws:s3:::000000000000-miney$' + '{Lit}',
    ],
    [
      'Sub with names',
      { 'Fn::Sub': ['$' + '{Own}$' + '{Word}', { Own: { Ref: 'Word' } }] },
      'wordword',
    ],
    ['FindInMap', { 'Fn::FindInMap': ['Sizes', 'small', 'mb'] }, 128],
    ['If, then', { 'Fn::If': ['InUs', 1, { 'Fn::Cidr': [] }] }, 1],
    ['If, else', { 'Fn::If': ['Both', 1, 2] }, 2],
    ['NoValue', { keep: 1, drop: { Ref: 'AWS::NoValue' } }, { keep: 1 }],
    ['NoValue in a list', [1, { 'Fn::If': ['NotInUs', 2, { Ref: 'AWS::NoValue' }] }], [1]],
    [
      'a policy condition',
      { Condition: { Bool: { a: 'b' } } },
      { Condition: { Bool: { a: 'b' } } },
    ],
  ])('%s', (_name, value, wanted) => {
    expect(resolve(value)).toEqual(wanted);
  });

  it.each<[Json, string]>([
    [{ 'Fn::Cidr': ['10.0.0.0/8'] }, 'Here uses Fn::Cidr, which the emulator does not know.'],
    [{ deep: [{ 'Fn::ImportValue': 'x' }] }, 'Here.deep uses Fn::ImportValue'],
    [{ Ref: 'Nobody' }, 'Here refers to Nobody, which has no value here.'],
    [{ Ref: 'BootstrapVersion' }, 'Here refers to BootstrapVersion'],
    [
      { 'Fn::GetAtt': ['Queue', 'Color'] },
      'Queue is an AWS::SQS::Queue, and that attribute is not known',
    ],
    [{ 'Fn::GetAtt': ['Nobody', 'Arn'] }, 'Nobody is not in the template'],
    [{ 'Fn::If': ['NoSuch', 1, 2] }, 'The template has no condition NoSuch.'],
    [{ 'Fn::FindInMap': ['Sizes', 'huge', 'mb'] }, 'no mapping Sizes.huge.mb'],
  ])('refuses %j', (value, message) => {
    expect(() => resolve(value)).toThrow(message);
  });

  it('leaves a value without any as it is', () => {
    const plain = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);
    fc.assert(
      fc.property(plain, (value) => {
        fc.pre(!/"(Fn::|Ref"|Condition"|__proto__")/.test(JSON.stringify(value)));
        expect(resolve(value)).toEqual(value);
      }),
    );
  });
});

const specsOf = (resources: Record<string, Resource>, speed = 1): StackSpecs => {
  const assembly: StackAssembly = readAssembly(
    writeAssembly({ Resources: { ...ROLE, ...resources } }),
  );
  const scope = newScope(assembly, ENDPOINT);
  return readSpecs({ assembly, scope, sorted: sortResources(assembly, scope), speed });
};

describe('resources', () => {
  it.each<[string, Record<string, Resource>, string]>([
    [
      'an unknown type',
      { Topic: { Type: 'AWS::SNS::Topic' } },
      'Resource Topic is an AWS::SNS::Topic, a type that the emulator does not know.',
    ],
    [
      'an unknown property',
      { Q: queue({ FifoQueue: true }) },
      'Resource Q (AWS::SQS::Queue) has FifoQueue, a property that the emulator does not know.',
    ],
    [
      'another runtime',
      { F: lambda('behave', { Runtime: 'python3.12' }) },
      'Function F has runtime python3.12; the emulator runs nodejs<n>.x.',
    ],
    [
      'code that is no asset',
      { F: lambda('nowhere') },
      'The code of function F (nowhere.zip) is no asset of this CDK app.',
    ],
    [
      'a handler that is not there',
      { F: lambda('behave', { Handler: 'main.handler' }) },
      'Function F: no file main.mjs, .js or .cjs in ',
    ],
    [
      'a text for a number',
      { Q: queue({ VisibilityTimeout: 'long' }) },
      'Q (AWS::SQS::Queue): VisibilityTimeout must be a number that is not negative; it is "long".',
    ],
    [
      'a time-out above the visibility',
      { Q: queue({ VisibilityTimeout: 4 }), F: lambda('behave'), M: mapping('Q', 'F') },
      "mapping M: its function may run 5000 ms, longer than the queue's visibility time-out of 4000 ms",
    ],
    [
      'a maximum concurrency of one',
      {
        Q: queue(),
        F: lambda('behave'),
        M: mapping('Q', 'F', { ScalingConfig: { MaximumConcurrency: 1 } }),
      },
      'MaximumConcurrency must be from 2 to 1000; it is 1',
    ],
    [
      'a large batch without a window',
      { Q: queue(), F: lambda('behave'), M: mapping('Q', 'F', { BatchSize: 11 }) },
      'BatchSize must be from 1 to 10, or up to 10000 with a batching window; it is 11',
    ],
    [
      'a cron schedule',
      {
        R: { Type: 'AWS::Events::Rule', Properties: { ScheduleExpression: 'cron(0 12 * * ? *)' } },
      },
      'Rule R has the schedule cron(0 12 * * ? *); the emulator knows rate(<n> minutes|hours|days) only.',
    ],
    [
      'a pattern that would never match',
      {
        R: {
          Type: 'AWS::Events::Rule',
          Properties: { EventPattern: { source: ['aws.s3'], 'detail-type': ['Object Deleted'] } },
        },
      },
      'Rule R has the event pattern',
    ],
  ])('%s is an error that names it', (_name, resources, message) => {
    expect(() => specsOf(resources)).toThrow(message);
  });

  it('are read with their times divided by the speed', () => {
    const resources = {
      Q: queue({ VisibilityTimeout: 360, DelaySeconds: 30 }),
      F: lambda('behave', { Timeout: 60, Environment: { Variables: { N: 1 } } }),
      M: mapping('Q', 'F', { MaximumBatchingWindowInSeconds: 20, BatchSize: 100 }),
      R: {
        Type: 'AWS::Events::Rule',
        Properties: {
          ScheduleExpression: 'rate(1 minute)',
          Targets: [{ Id: 'T', Arn: { 'Fn::GetAtt': ['F', 'Arn'] } }],
        },
      },
      I: {
        Type: 'AWS::Lambda::EventInvokeConfig',
        Properties: { FunctionName: { Ref: 'F' }, MaximumRetryAttempts: 0, Qualifier: '$LATEST' },
      },
    };
    const { queues, functions, mappings, rules } = specsOf(resources, 10);
    expect(queues[0]).toMatchObject({
      visibilityMs: 36_000,
      attributes: { VisibilityTimeout: '36', DelaySeconds: '3' },
    });
    expect(functions[0]).toMatchObject({ timeoutMs: 6000, retries: 0, environment: { N: '1' } });
    expect(mappings[0]).toMatchObject({ windowMs: 2000, batchSize: 100, reportsFailures: true });
    expect(rules[0]).toMatchObject({ everyMs: 6000 });
    expect(specsOf(resources, 1000).queues[0]?.visibilityMs).toBe(1000);
  });

  it('whose condition does not hold are not there', () => {
    const assembly = readAssembly(
      writeAssembly({
        Conditions: { Never: { 'Fn::Equals': ['a', 'b'] } },
        Resources: { Topic: { Type: 'AWS::SNS::Topic', Condition: 'Never' } },
      }),
    );
    expect(sortResources(assembly, newScope(assembly, ENDPOINT)).ignored).toEqual([]);
  });

  it('that need nothing say why', () => {
    const assembly = readAssembly(writeAssembly({ Resources: ROLE }));
    expect(sortResources(assembly, newScope(assembly, ENDPOINT)).ignored).toEqual([
      expect.objectContaining({
        logicalId: 'Role',
        type: 'AWS::IAM::Role',
        why: expect.any(String),
      }),
    ]);
  });
});

it('makes dead-letter queues first, whatever the order', () => {
  const spec = (name: string, deadLetters?: string) =>
    ({ name, logicalId: name, deadLetters }) as StackSpecs['queues'][number];
  fc.assert(
    fc.property(fc.shuffledSubarray(['a', 'b', 'c', 'd'], { minLength: 4 }), (order) => {
      const all = { a: spec('a', 'b'), b: spec('b', 'c'), c: spec('c'), d: spec('d', 'c') };
      const queues = order.map((name) => all[name as keyof typeof all]);
      const made = deadLettersFirst(queues).map(({ name }) => name);
      expect([...made].sort()).toEqual(['a', 'b', 'c', 'd']);
      for (const [from, to] of ['ab', 'bc', 'dc']) {
        expect(made.indexOf(to as string)).toBeLessThan(made.indexOf(from as string));
      }
    }),
  );
  expect(() => deadLettersFirst([spec('a', 'b'), spec('b', 'a')])).toThrow(
    "Queues are each other's dead-letter queues: a, b.",
  );
});

it.each([
  ['rate(1 minute)', 60_000],
  ['rate(5 minutes)', 300_000],
  ['rate(2 hours)', 7_200_000],
  ['rate(1 day)', 86_400_000],
])('%s is %d ms', (expression, ms) => {
  expect(rateMs(expression, 'R')).toBe(ms);
});

describe('an assembly', () => {
  it('that is not there, or has no such stack, is said to be so', () => {
    expect(() => readAssembly('/no/such/folder')).toThrow(
      'There is no file /no/such/folder/manifest.json.',
    );
    expect(() => readAssembly(writeAssembly({ Resources: {} }), 'Other')).toThrow(
      "has no stack 'Other'; it has: Tiny.",
    );
  });
});
