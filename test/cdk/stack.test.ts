import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Validations } from 'aws-cdk-lib';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import type { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Consumer } from '../../cdk/alarms.ts';
import { bundleJobs } from '../../cdk/jobs.ts';
import type { SluiceStack } from '../../cdk/stack.ts';
import { fakeJob } from './fake-job.ts';
import { type Resource, removeFolders, type Template } from './folders.ts';
import { newStack } from './synth.ts';

afterAll(removeFolders);

const FLAGS = createRequire(import.meta.url)(
  'aws-cdk-lib/recommended-feature-flags.json',
) as Record<string, unknown>;
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:alarms';

/** odds as it is, a job of one worker with slow items, and one with a dash in its name. */
const full = async () => ({
  jobs: [
    ...(await bundleJobs(['odds'])),
    fakeJob('single', { workers: 1, itemTimeoutMs: 120_500 }),
    fakeJob('two-words', { workers: 250 }),
  ],
  keep: '90d',
  keepReports: '400d',
  secrets: {
    API_KEY: 'prod/api-key',
    OTHER: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf',
  },
  alarmTopic: TOPIC,
});

let template: Template;
beforeAll(async () => {
  template = newStack(await full()).synth();
}, 60_000);

const resource = (id: string): Resource => {
  const found = template.Resources[id];
  if (found === undefined) throw new Error(`The template has no ${id}.`);
  return found;
};
const ofType = (type: string): [string, Resource][] =>
  Object.entries(template.Resources).filter(([, { Type }]) => Type === type);
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const WORKERS = ['Odds0', 'Single0', 'TwoWords0'];
const CONSUMERS = ['Orchestrator', ...WORKERS.map((name) => `Worker${name}`)];

describe('storage', () => {
  it('keeps private, encrypted buckets when the stack goes', () => {
    const buckets = ofType('AWS::S3::Bucket');
    expect(buckets.map(([id]) => id)).toEqual(['UploadBucket', 'ReportBucket']);
    for (const [, bucket] of buckets) {
      expect(bucket.DeletionPolicy).toBe('Retain');
      expect(bucket.Properties).toMatchObject({
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      });
      const text = JSON.stringify(bucket.Properties);
      expect(text).toContain('"SSEAlgorithm":"AES256"');
      expect(text).toContain('"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7}');
    }
  });

  it("holds the names of secrets only: a value in the deployer's own environment stays there", () => {
    process.env['API_KEY'] = 'k3y-planted-5f0c9d';
    const secrets = { API_KEY: 'prod/api-key' };
    const made = JSON.stringify(newStack({ jobs: [fakeJob('a')], secrets }).synth());
    delete process.env['API_KEY'];
    expect(made).toContain('prod/api-key');
    expect(made).not.toContain('k3y-planted');
  });

  it('versions uploads only, and expires reports only where it was asked to', () => {
    expect(resource('UploadBucket').Properties['VersioningConfiguration']).toEqual({
      Status: 'Enabled',
    });
    expect(resource('ReportBucket').Properties['VersioningConfiguration']).toBeUndefined();
    expect(JSON.stringify(resource('ReportBucket').Properties)).toContain(
      '"ExpirationInDays":400,"Id":"expire","Prefix":"batches/"',
    );
    expect(JSON.stringify(resource('UploadBucket').Properties)).not.toContain('Expiration');
    const plain = newStack({ jobs: [fakeJob('a')] }).synth();
    expect(JSON.stringify(plain)).not.toContain('Expiration');
  });

  it('refuses what is not TLS, on buckets and queues', () => {
    const policies = [...ofType('AWS::S3::BucketPolicy'), ...ofType('AWS::SQS::QueuePolicy')];
    const guarded = new Set<string>();
    for (const [, { Properties }] of policies) {
      const { Statement } = Properties['PolicyDocument'] as {
        Statement: Record<string, unknown>[];
      };
      const deny = Statement.filter(({ Effect }) => Effect === 'Deny');
      expect(deny).toHaveLength(1);
      expect(deny[0]).toMatchObject({ Condition: { Bool: { 'aws:SecureTransport': 'false' } } });
      const on = (Properties['Bucket'] ?? (Properties['Queues'] as unknown[])[0]) as {
        Ref: string;
      };
      guarded.add(on.Ref);
    }
    const all = [...ofType('AWS::S3::Bucket'), ...ofType('AWS::SQS::Queue')].map(([id]) => id);
    expect([...guarded].sort()).toEqual(all.sort());
  });

  it('has one table on demand, with point-in-time recovery and expiry of ended batches', () => {
    const tables = ofType('AWS::DynamoDB::Table');
    expect(tables.map(([id]) => id)).toEqual(['Table']);
    expect(tables[0]?.[1]).toMatchObject({
      DeletionPolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
      },
    });
  });

  it('notifies the inbox of uploads by the bucket itself, after the right to do so', () => {
    const bucket = resource('UploadBucket');
    expect(bucket.Properties['NotificationConfiguration']).toEqual({
      QueueConfigurations: [
        {
          Event: 's3:ObjectCreated:*',
          Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'inbox/' }] } },
          Queue: arn('Inbox'),
        },
      ],
    });
    expect(bucket.DependsOn).toEqual(['InboxPolicy']);
    expect(JSON.stringify(template)).not.toContain('Custom::');
    const { Statement } = resource('InboxPolicy').Properties['PolicyDocument'] as {
      Statement: Record<string, unknown>[];
    };
    expect(Statement.filter(({ Effect }) => Effect === 'Allow')).toEqual([
      {
        Action: 'sqs:SendMessage',
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
        Effect: 'Allow',
        Principal: { Service: 's3.amazonaws.com' },
        Resource: arn('Inbox'),
      },
    ]);
  });
});

describe('queues and caps', () => {
  it.each([
    // [function, queue, time-out, visibility, reserved, maximum, memory]
    ['Orchestrator', 'Inbox', 900, 5400, 10, 10, 1769],
    ['WorkerOdds0', 'StageOdds0', 60, 360, 10, 10, 1769],
    ['WorkerSingle0', 'StageSingle0', 151, 906, 1, 2, 512],
    ['WorkerTwoWords0', 'StageTwoWords0', 60, 360, 250, 250, 512],
  ])('%s', (id, queue, timeout, visibility, reserved, maximum, memory) => {
    expect(resource(id).Properties).toMatchObject({
      Timeout: timeout,
      ReservedConcurrentExecutions: reserved,
      RecursiveLoop: 'Allow',
      MemorySize: memory,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      LoggingConfig: { LogGroup: { Ref: `${id}Logs` } },
    });
    expect(resource(queue).Properties).toMatchObject({
      VisibilityTimeout: visibility,
      SqsManagedSseEnabled: true,
      RedrivePolicy: { deadLetterTargetArn: arn(`${queue}DeadLetters`), maxReceiveCount: 5 },
    });
    // A dead letter's age counts from its first sending.
    const kept = (name: string) => resource(name).Properties['MessageRetentionPeriod'] as number;
    expect(kept(`${queue}DeadLetters`)).toBeGreaterThan(kept(queue));
    expect(resource(`${id}Source`).Properties).toEqual({
      BatchSize: 1,
      EventSourceArn: arn(queue),
      FunctionName: { Ref: id },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: maximum },
    });
  });

  it('has no other function, queue or event source', () => {
    expect(
      ofType('AWS::Lambda::Function')
        .map(([id]) => id)
        .sort(),
    ).toEqual([...CONSUMERS, 'Sweeper'].sort());
    expect(ofType('AWS::Lambda::EventSourceMapping')).toHaveLength(CONSUMERS.length);
    expect(ofType('AWS::SQS::Queue')).toHaveLength(2 * CONSUMERS.length);
    for (const [, { Properties }] of ofType('AWS::Logs::LogGroup')) {
      expect(Properties['RetentionInDays']).toBe(30);
    }
    expect(ofType('AWS::Logs::LogGroup')).toHaveLength(CONSUMERS.length + 1);
  });

  it('sweeps each minute, one at a time', () => {
    expect(resource('Sweeper').Properties).toMatchObject({
      Timeout: 60,
      ReservedConcurrentExecutions: 1,
    });
    expect(resource('SweeperSchedule').Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      Targets: [{ Arn: arn('Sweeper') }],
    });
  });

  it('reserves nothing where it may not, and says what a cap of 1 then rests on', () => {
    const { stack, synth } = newStack({
      jobs: [fakeJob('a', { workers: 1 })],
      reserve: false,
    });
    const made = synth();
    expect(JSON.stringify(made)).not.toContain('ReservedConcurrentExecutions');
    expect(made.Resources['WorkerA0Source']?.Properties['ScalingConfig']).toEqual({
      MaximumConcurrency: 2,
    });
    const warnings = stack.node.metadata.map(({ data }) => JSON.stringify(data)).join();
    expect(warnings).toContain("the cap of 1 of a is held by the batch's window alone");
  });
});

describe('environment', () => {
  const names = (id: string): string[] =>
    Object.keys((resource(id).Properties['Environment'] as { Variables: object }).Variables).sort();
  const COMMON = [
    'POWERTOOLS_LOG_LEVEL',
    'POWERTOOLS_METRICS_NAMESPACE',
    'POWERTOOLS_SERVICE_NAME',
    'SLUICE_INBOX',
    'SLUICE_KEEP_DAYS',
    'SLUICE_REPORTS',
    'SLUICE_TABLE',
    'SLUICE_UPLOADS',
  ];
  const STAGES = ['SLUICE_STAGE_ODDS_0', 'SLUICE_STAGE_SINGLE_0', 'SLUICE_STAGE_TWO_WORDS_0'];

  it('tells each function what it may use, and nothing else', () => {
    expect(names('Orchestrator')).toEqual([...COMMON, ...STAGES].sort());
    expect(names('Sweeper')).toEqual([...COMMON, ...STAGES].sort());
    expect(names('WorkerTwoWords0')).toEqual(
      [...COMMON, 'SLUICE_BUDGET_MS', 'SLUICE_SECRETS', 'SLUICE_STAGE_TWO_WORDS_0'].sort(),
    );
  });

  it('gives names, numbers and URLs', () => {
    expect(resource('WorkerOdds0').Properties['Environment']).toEqual({
      Variables: {
        POWERTOOLS_SERVICE_NAME: 'Sluice',
        POWERTOOLS_METRICS_NAMESPACE: 'Sluice',
        POWERTOOLS_LOG_LEVEL: 'INFO',
        SLUICE_BUDGET_MS: '20000',
        SLUICE_KEEP_DAYS: '90',
        SLUICE_SECRETS:
          '{"API_KEY":"prod/api-key","OTHER":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf"}',
        SLUICE_UPLOADS: { Ref: 'UploadBucket' },
        SLUICE_REPORTS: { Ref: 'ReportBucket' },
        SLUICE_TABLE: { Ref: 'Table' },
        SLUICE_INBOX: { Ref: 'Inbox' },
        SLUICE_STAGE_ODDS_0: { Ref: 'StageOdds0' },
      },
    });
  });
});

describe('rights', () => {
  interface Statement {
    Action: string | string[];
    Resource: unknown;
    Condition?: unknown;
    Effect: string;
  }
  const statements = (id: string): { actions: string[]; on: string; condition: unknown }[] => {
    const { Statement } = resource(id).Properties['PolicyDocument'] as { Statement: Statement[] };
    return Statement.flatMap(({ Action, Resource: on, Condition, Effect }) => {
      expect(Effect).toBe('Allow');
      return [on].flat().map((one) => ({
        actions: [Action].flat(),
        on: JSON.stringify(one),
        condition: Condition,
      }));
    });
  };
  const TABLE = ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'];
  const CONSUME = ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'];
  const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents'];
  const READ = ['s3:GetObject', 's3:GetObjectVersion'];
  const WRITE = ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'];
  const objects = (bucket: string, prefix: string) =>
    JSON.stringify({ 'Fn::Join': ['', [arn(bucket), `/${prefix}`]] });
  const one = (id: string) => JSON.stringify(arn(id));

  it('has no managed policy, and no role that anyone but Lambda takes', () => {
    const roles = ofType('AWS::IAM::Role');
    expect(roles).toHaveLength(CONSUMERS.length + 1);
    for (const [, { Properties }] of roles) {
      expect(Object.keys(Properties)).toEqual(['AssumeRolePolicyDocument']);
      expect(JSON.stringify(Properties)).toContain('{"Service":"lambda.amazonaws.com"}');
    }
  });

  it('walks every policy: no wildcard action, no scan, no wildcard resource but a prefix', () => {
    const policies = ofType('AWS::IAM::Policy');
    expect(policies).toHaveLength(CONSUMERS.length + 1);
    const wild = new Set<string>();
    for (const [id] of policies) {
      for (const { actions, on } of statements(id)) {
        for (const action of actions) {
          expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
          expect(action).not.toMatch(/Scan|Batch|Transact|Create(?!LogStream)|iam:|lambda:/);
        }
        if (/[*?]/.test(on)) wild.add(on);
      }
    }
    // A secret's ARN ends with six characters that Secrets Manager chose.
    const secret = JSON.stringify({
      'Fn::Join': [
        '',
        [
          'arn:',
          { Ref: 'AWS::Partition' },
          ':secretsmanager:',
          { Ref: 'AWS::Region' },
          ':',
          { Ref: 'AWS::AccountId' },
          ':secret:prod/api-key-??????',
        ],
      ],
    });
    expect([...wild].sort()).toEqual(
      [
        objects('UploadBucket', 'data/*'),
        objects('UploadBucket', 'inbox/*'),
        objects('ReportBucket', 'batches/*'),
        secret,
      ].sort(),
    );
  });

  const rightsOf = (id: string): Record<string, string[]> => {
    const rights: Record<string, string[]> = {};
    for (const { actions, on, condition } of statements(id)) {
      if (actions.includes('s3:ListBucket')) {
        expect(actions).toEqual(['s3:ListBucket']);
        const prefixes = on.includes('Upload') ? ['inbox/*', 'data/*'] : ['batches/*'];
        expect(
          prefixes.map((prefix) => ({ StringLikeIfExists: { 's3:prefix': prefix } })),
        ).toContainEqual(condition);
      } else expect(condition).toBeUndefined();
      rights[on] = [...(rights[on] ?? []), ...actions].sort();
    }
    return rights;
  };

  it('lets the orchestrator read uploads, keep reports and send to every queue', () => {
    expect(rightsOf('OrchestratorPolicy')).toEqual({
      [one('OrchestratorLogs')]: LOG,
      [objects('UploadBucket', 'inbox/*')]: READ,
      [objects('UploadBucket', 'data/*')]: READ,
      [one('UploadBucket')]: ['s3:ListBucket', 's3:ListBucket'],
      [objects('ReportBucket', 'batches/*')]: [...WRITE, 's3:DeleteObject'].sort(),
      [one('ReportBucket')]: ['s3:ListBucket'],
      [one('Table')]: TABLE,
      [one('Inbox')]: [...CONSUME, 'sqs:SendMessage'],
      [one('StageOdds0')]: ['sqs:SendMessage'],
      [one('StageSingle0')]: ['sqs:SendMessage'],
      [one('StageTwoWords0')]: ['sqs:SendMessage'],
    });
  });

  it('lets a worker reach its own queue and the inbox, and its secrets', () => {
    const rights = rightsOf('WorkerSingle0Policy');
    const secrets = Object.entries(rights).filter(([on]) => on.includes(':secret:'));
    expect(secrets.map(([, actions]) => actions)).toEqual([
      ['secretsmanager:GetSecretValue'],
      ['secretsmanager:GetSecretValue'],
    ]);
    expect(
      Object.fromEntries(Object.entries(rights).filter(([on]) => !on.includes(':secret:'))),
    ).toEqual({
      [one('WorkerSingle0Logs')]: LOG,
      [objects('UploadBucket', 'inbox/*')]: READ,
      [objects('UploadBucket', 'data/*')]: READ,
      [one('UploadBucket')]: ['s3:ListBucket', 's3:ListBucket'],
      [objects('ReportBucket', 'batches/*')]: [...WRITE, 's3:DeleteObject'].sort(),
      [one('ReportBucket')]: ['s3:ListBucket'],
      [one('Table')]: TABLE,
      [one('Inbox')]: ['sqs:SendMessage'],
      [one('StageSingle0')]: [...CONSUME, 'sqs:SendMessage'],
    });
  });

  it('lets the sweeper send and write job files, and delete nothing', () => {
    const rights = rightsOf('SweeperPolicy');
    expect(JSON.stringify(rights)).not.toMatch(/Delete|Receive/);
    expect(rights[objects('ReportBucket', 'batches/*')]).toEqual(WRITE);
    expect(rights[one('Inbox')]).toEqual(['sqs:SendMessage']);
  });
});

describe('alarms, dashboard, outputs', () => {
  it('watches each queue, function and batch, and tells the topic', () => {
    const alarms = ofType('AWS::CloudWatch::Alarm');
    const expected = [
      ...['Inbox', ...WORKERS.map((name) => `Stage${name}`)].flatMap((queue) => [
        `${queue}DeadLettersAlarm`,
        `${queue}AgeAlarm`,
      ]),
      ...CONSUMERS.flatMap((id) => [`${id}ErrorsAlarm`, `${id}ThrottlesAlarm`]),
      'SweeperErrorsAlarm',
      'SweeperSilentAlarm',
      'StalledBatchesAlarm',
      'BrokenBatchesAlarm',
      'NewerSchemaAlarm',
    ];
    expect(alarms.map(([id]) => id).sort()).toEqual(expected.sort());
    for (const [, { Properties }] of alarms) expect(Properties['AlarmActions']).toEqual([TOPIC]);
  });

  it('reads the metrics that the functions write', () => {
    expect(resource('StalledBatchesAlarm').Properties).toMatchObject({
      Namespace: 'Sluice',
      MetricName: 'StalledBatches',
      Dimensions: [{ Name: 'service', Value: 'Sluice' }],
      Statistic: 'Sum',
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    });
    expect(resource('SweeperSilentAlarm').Properties).toMatchObject({
      MetricName: 'Invocations',
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
    });
    expect(resource('StageOdds0DeadLettersAlarm').Properties).toMatchObject({
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [
        { Name: 'QueueName', Value: { 'Fn::GetAtt': ['StageOdds0DeadLetters', 'QueueName'] } },
      ],
    });
  });

  it('draws nine graphs', () => {
    const body = JSON.stringify(resource('Dashboard').Properties['DashboardBody']);
    expect(body.match(/\\"title\\":/g)).toHaveLength(9);
    for (const name of ['ChunksCommitted', 'ItemsFailed', 'Resent', 'ConcurrentExecutions']) {
      expect(body).toContain(name);
    }
  });

  it('prints what a person and `--stack` need', () => {
    const { Outputs } = template;
    expect(Object.keys(Outputs)).toEqual([
      'UploadBucket',
      'ReportBucket',
      'Table',
      'Inbox',
      'Queues',
      'Jobs',
      'UploadCommand',
    ]);
    const joined = (value: unknown): string =>
      (value as { 'Fn::Join': [string, unknown[]] })['Fn::Join'][1]
        .map((part) => (typeof part === 'string' ? part : (part as { Ref: string }).Ref))
        .join('');
    expect(JSON.parse(joined(Outputs['Queues']?.Value))).toEqual({
      orchestrator: 'Inbox',
      'odds/0': 'StageOdds0',
      'single/0': 'StageSingle0',
      'two-words/0': 'StageTwoWords0',
    });
    const jobs = JSON.parse(Outputs['Jobs']?.Value as string) as Record<string, { digest: string }>;
    expect(jobs['single']).toEqual({ stages: 1, workers: 1, digest: fakeJob('single').digest });
    expect(jobs['odds']?.digest).toMatch(/^[0-9a-f]{64}$/);
    const one = newStack({ jobs: [fakeJob('only-one')] }).synth();
    expect(JSON.stringify(one.Outputs['UploadCommand'])).toMatch(
      /aws s3 cp <file> s3:\/\/\$\{Bucket\}\/inbox\/only-one\//,
    );
  });
});

describe('the template itself', () => {
  it('has the same logical ids, and all else, under every recommended feature flag', async () => {
    expect(newStack(await full(), FLAGS).synth()).toEqual(template);
  }, 30_000);

  it('names every resource without a hash, but for the schedule and its right to invoke', () => {
    const odd = Object.keys(template.Resources).filter((id) => /[0-9A-F]{8}$/.test(id));
    expect(odd).toEqual([expect.stringMatching(/^SweeperScheduleAllowEventRule/)]);
  });

  it('puts no secret and no folder into template or assets', async () => {
    const text = JSON.stringify(template);
    expect(text).not.toContain(process.cwd());
    expect(text).not.toContain('/tmp/');
  });
});

it('puts the HTTP client beside the workers of jobs that call remotes, and nowhere else', () => {
  const jobs = [fakeJob('a'), { ...fakeJob('b'), http: true }];
  const made = newStack({ jobs });
  const { Resources } = made.synth();
  const codeOf = (id: string): string => {
    const { Code } = (Resources[id] as Resource).Properties as { Code: { S3Key: string } };
    return join(made.outdir, `asset.${Code.S3Key.replace('.zip', '')}`);
  };
  expect(existsSync(join(codeOf('WorkerA0'), 'http.mjs'))).toBe(false);
  expect(existsSync(join(codeOf('WorkerB0'), 'http.mjs'))).toBe(true);
  expect(existsSync(join(codeOf('Orchestrator'), 'http.mjs'))).toBe(false);
});

describe('synth refuses what a user changes into an unsafe mix', () => {
  const changed = (change: (stack: SluiceStack) => void, extra = {}) => {
    const made = newStack({ jobs: [fakeJob('a')], ...extra });
    change(made.stack);
    return () => made.synth();
  };
  const worker = (stack: SluiceStack) => stack.workers.get('a/0') as Consumer;

  it('takes a change that is safe', () => {
    const synth = changed((stack) => {
      (worker(stack).line.queue.node.defaultChild as CfnQueue).visibilityTimeout = 400;
    });
    expect(synth().Resources['StageA0']?.Properties['VisibilityTimeout']).toBe(400);
  });

  it.each<[string, (stack: SluiceStack) => void, RegExp]>([
    [
      'a shorter visibility',
      (stack) => {
        (worker(stack).line.queue.node.defaultChild as CfnQueue).visibilityTimeout = 120;
      },
      /VisibilityTimeout 120 s of StageA0 is less than 6 x Timeout 60 s of WorkerA0/,
    ],
    [
      'a longer time-out, by override',
      (stack) => {
        const fn = worker(stack).granted.fn.node.defaultChild as CfnFunction;
        fn.addPropertyOverride('Timeout', 300);
      },
      /VisibilityTimeout 360 s of StageA0 is less than 6 x Timeout 300 s of WorkerA0/,
    ],
    [
      'less reserved concurrency',
      (stack) => {
        const fn = worker(stack).granted.fn.node.defaultChild as CfnFunction;
        fn.reservedConcurrentExecutions = 4;
      },
      /MaximumConcurrency 10 on StageA0 is more than ReservedConcurrentExecutions 4 of WorkerA0/,
    ],
    [
      'loop detection back on',
      (stack) => {
        const fn = stack.orchestrator.fn.node.defaultChild as CfnFunction;
        fn.recursiveLoop = 'Terminate';
      },
      /RecursiveLoop Terminate of Orchestrator/,
    ],
  ])('%s', (_name, change, message) => {
    expect(changed(change)).toThrow(message);
  });

  it('caps that the account cannot reserve', () => {
    expect(changed(() => undefined, { accountConcurrency: 120 })).toThrow(
      /reserves 21 executions \(Orchestrator 10, WorkerA0 10, Sweeper 1\), but accountConcurrency 120 allows 20/,
    );
    expect(changed(() => undefined, { accountConcurrency: 121 })).not.toThrow();
    expect(changed(() => undefined, { accountConcurrency: 10, reserve: false })).not.toThrow();
  });
});

describe('cdk-nag, AwsSolutions and Serverless packs', () => {
  const nagged = async () => {
    const made = newStack(await full());
    Validations.of(made.app).addPlugins(
      new AwsSolutionsChecks(made.app),
      new ServerlessChecks(made.app),
    );
    return made;
  };
  const findings = (outdir: string): string[] => {
    const report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8')) as {
      pluginReports: {
        violations: { ruleName: string; violatingConstructs: { constructPath: string }[] }[];
      }[];
    };
    return report.pluginReports.flatMap(({ violations }) =>
      violations.flatMap(({ ruleName, violatingConstructs }) =>
        violatingConstructs.map(
          ({ constructPath }) => `${constructPath.replace(/\/Resource$/, '')} ${ruleName}`,
        ),
      ),
    );
  };
  const RULES = Validations.ACKNOWLEDGED_RULES_METADATA_KEY;

  it('has no finding, and acknowledges each by its own name, with a reason', async () => {
    const clean = await nagged();
    clean.synth();
    expect(findings(clean.outdir)).toEqual([]);

    const bare = await nagged();
    const acknowledged: string[] = [];
    for (const construct of bare.app.node.findAll()) {
      const kept = construct.node.metadata.filter(({ type, data }) => {
        if (type !== RULES) return true;
        const rules = Object.entries(data as Record<string, string>);
        expect(rules).toHaveLength(1);
        for (const [id, reason] of rules) {
          expect(reason.length).toBeGreaterThan(30);
          acknowledged.push(`${construct.node.path} ${id.replace(/^\w+::(?=[AS])/, '')}`);
        }
        return false;
      });
      forget(construct, kept);
    }
    expect(() => bare.synth()).toThrow();
    expect(acknowledged.sort()).toEqual(findings(bare.outdir).sort());
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
  }, 60_000);

  /** Constructs only ever gain metadata; the test wants to see what would be found without. */
  function forget(construct: IConstruct, kept: IConstruct['node']['metadata']): void {
    (construct.node as unknown as { _metadata: unknown[] })._metadata = kept;
  }
});
