import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkJobs, type Deployed, stageCaps, unsafeMixes } from '../../cdk/caps.ts';
import { readContext } from '../../cdk/context.ts';
import { pascalOf, stageVariable } from '../../cdk/names.ts';
import { checkSettings } from '../../cdk/settings.ts';
import { SluiceError } from '../../lib/core/errors.ts';
import { fakeJob } from './fake-job.ts';

/** Message and hint of the SluiceError that the call ends with. */
function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError);
    const { code, message, hint } = error as SluiceError;
    return `${code}: ${message} ${hint ?? ''}`.trim();
  }
  throw new Error('Nothing was refused.');
}

describe('context', () => {
  it('has defaults', () => {
    expect(readContext({})).toEqual({ stack: 'Sluice', jobs: ['odds'] });
  });

  it.each([[['odds', './a.ts']], ['["odds","./a.ts"]'], ['odds,./a.ts'], [' odds , ./a.ts ']])(
    'reads jobs given as %j',
    (jobs) => {
      expect(readContext({ jobs }).jobs).toEqual(['odds', './a.ts']);
    },
  );

  it('reads what a command line gives as text', () => {
    expect(
      readContext({
        stack: 'Import',
        reserve: 'false',
        budget: '30s',
        keep: '90d',
        keepReports: '1000d',
        accountConcurrency: '1000',
        secrets: 'API_KEY=prod/api-key, OTHER=b=c',
        alarmTopic: 'arn:x',
      }),
    ).toEqual({
      stack: 'Import',
      jobs: ['odds'],
      reserve: false,
      budget: '30s',
      keep: '90d',
      keepReports: '1000d',
      accountConcurrency: 1000,
      secrets: { API_KEY: 'prod/api-key', OTHER: 'b=c' },
      alarmTopic: 'arn:x',
    });
    expect(readContext({ secrets: '{"A":"b"}', reserve: true })).toMatchObject({
      secrets: { A: 'b' },
      reserve: true,
    });
  });

  it("lets the CDK's own keys pass", () => {
    const own = {
      '@aws-cdk/core:x': true,
      'aws:cdk:bundling-stacks': ['**'],
      'cli-telemetry': false,
    };
    expect(readContext(own)).toEqual({ stack: 'Sluice', jobs: ['odds'] });
  });

  it('refuses a key that is a slip, and names those there are', () => {
    expect(refusal(() => readContext({ reserved: 'false' }))).toBe(
      "USAGE: Context key 'reserved' is none of Sluice's. There are: stack, jobs, budget, reserve, keep, purgeResolved, keepReports, secrets, alarmTopic, accountConcurrency.",
    );
    expect(refusal(() => readContext({ constructor: 1 }))).toContain("key 'constructor'");
  });

  it.each([
    [{ jobs: '' }, 'jobs must be a list'],
    [{ jobs: 'odds,' }, 'jobs must be a list'],
    [{ jobs: [1] }, 'jobs must be a list such as odds,./my-job.ts or ["odds"]; got [1].'],
    [{ jobs: '["odds"' }, 'jobs is no valid JSON'],
    [{ reserve: 'no' }, 'reserve must be true or false; got "no".'],
    [{ accountConcurrency: 'many' }, 'accountConcurrency must be a whole number; got "many".'],
    [{ secrets: 'API_KEY' }, "secrets must be pairs such as API_KEY=prod/api-key; got 'API_KEY'."],
    [{ secrets: [] }, 'secrets must be pairs'],
    [{ budget: 20 }, 'budget must be a text; got 20.'],
    [{ stack: ' ' }, 'stack must be a text; got " ".'],
  ])('refuses %j', (context, message) => {
    expect(refusal(() => readContext(context))).toContain(message);
  });
});

describe('settings', () => {
  it('has defaults', () => {
    expect(checkSettings({})).toEqual({
      budgetMs: 20_000,
      reserve: true,
      keepDays: undefined,
      purgeResolvedDays: undefined,
      keepReportDays: undefined,
      secrets: {},
      alarmTopic: undefined,
      accountConcurrency: undefined,
    });
  });

  it.each([
    [{ budget: '20' }, 'budget must be a duration with a unit'],
    [{ budget: '999ms' }, "budget must be 1s to 870s; got '999ms'."],
    [{ budget: '15m' }, "budget must be 1s to 870s; got '15m'."],
    [{ keep: '36h' }, "keep must be whole days, 1d or more; got '36h'."],
    [{ keep: '0d' }, "keep must be whole days, 1d or more; got '0d'."],
    [{ purgeResolved: '1h' }, "purgeResolved must be whole days, 1d or more; got '1h'."],
    [{ keepReports: '29d' }, "keepReports must be whole days, 30d or more; got '29d'."],
    [{ keep: '90d', keepReports: '60d' }, 'keepReports 60d is less than keep 90d'],
    [{ alarmTopic: 'alarms' }, 'alarmTopic must be the ARN of a standard SNS topic'],
    [{ accountConcurrency: 0 }, 'accountConcurrency must be a whole number of at least 1; got 0.'],
    [{ secrets: { apiKey: 'x' } }, "secrets: 'apiKey' must be capitals"],
    [{ secrets: { AWS_REGION: 'x' } }, "secrets: 'AWS_REGION' must be capitals"],
    [{ secrets: { SLUICE_TABLE: 'x' } }, "secrets: 'SLUICE_TABLE' must be capitals"],
    [
      { secrets: { KEY: '*' } },
      `secrets: 'KEY' must give the name or ARN of a Secrets Manager secret; got "*".`,
    ],
    [{ secrets: { KEY: '' } }, "secrets: 'KEY' must give the name"],
  ])('refuses %j', (settings, message) => {
    expect(refusal(() => checkSettings(settings))).toContain(message);
  });
});

describe('caps of a stage', () => {
  const numbers = { job: 'j', budgetMs: 20_000, reserve: true };

  it('names both settings when the time-out is more than Lambda allows', () => {
    const limits = { workers: 1, itemTimeoutMs: 870_001, memoryMb: 512 };
    expect(refusal(() => stageCaps(limits, numbers))).toBe(
      "USAGE: budget 20 s + itemTimeout 870.001 s of job j + 10 s are a time-out of 901 s; AWS Lambda allows 900 s. Lower 'budget' of the stack or 'itemTimeout' in the limits of job j. Work that takes longer belongs into ctx.poll, which waits between functions (docs/polling.md).",
    );
    const steps = { ...limits, itemTimeoutMs: 300_000, steps: 3 };
    expect(refusal(() => stageCaps(steps, numbers))).toContain(
      'budget 20 s + 3 steps x itemTimeout 300 s of job j + 10 s are a time-out of 930 s; AWS Lambda allows 900 s.',
    );
    expect(stageCaps({ ...steps, steps: 2 }, numbers).timeoutS).toBe(630);
    expect(stageCaps({ ...limits, itemTimeoutMs: 870_000 }, numbers).timeoutS).toBe(900);
  });

  it('is safe for every job and budget that it takes', () => {
    void fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 10, max: 870_000 }),
        fc.integer({ min: 1000, max: 870_000 }),
        fc.boolean(),
        (workers, itemTimeoutMs, budgetMs, reserve) => {
          const limits = { workers, itemTimeoutMs, memoryMb: 512 };
          const seconds = Math.ceil((budgetMs + itemTimeoutMs) / 1000) + 10;
          if (seconds > 900) {
            const said = refusal(() => stageCaps(limits, { job: 'j', budgetMs, reserve }));
            expect(said).toContain(
              `budget ${budgetMs / 1000} s + itemTimeout ${itemTimeoutMs / 1000} s of job j`,
            );
            expect(said).toContain(
              "Lower 'budget' of the stack or 'itemTimeout' in the limits of job j.",
            );
            return;
          }
          const caps = stageCaps(limits, { job: 'j', budgetMs, reserve });
          expect(caps.reserved).toBe(reserve ? workers : undefined);
          const deployed = {
            ...caps,
            name: 'W',
            queue: 'Q',
            maxReceives: 5,
            recursiveLoop: 'Allow',
          };
          expect(unsafeMixes([deployed])).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('unsafe mixes', () => {
  const safe: Deployed = {
    name: 'WorkerA0',
    queue: 'StageA0',
    timeoutS: 60,
    visibilityS: 360,
    reserved: 10,
    maxConcurrency: 10,
    maxReceives: 5,
    recursiveLoop: 'Allow',
  };

  it('finds none where there is none', () => {
    expect(unsafeMixes([safe])).toEqual([]);
    expect(unsafeMixes([{ ...safe, reserved: 1, maxConcurrency: 2 }])).toEqual([]);
    expect(unsafeMixes([{ ...safe, reserved: undefined }])).toEqual([]);
    expect(unsafeMixes([{ ...safe, reserved: 20 }])).toEqual([]);
  });

  it.each<[Partial<Deployed>, string[]]>([
    [
      { timeoutS: 901, visibilityS: 5406 },
      ['Timeout 901 s of WorkerA0', "lower 'budget' or the job's 'itemTimeout'"],
    ],
    [
      { visibilityS: 359 },
      [
        'VisibilityTimeout 359 s of StageA0',
        '6 x Timeout 60 s of WorkerA0',
        'set it to 360 s or more',
      ],
    ],
    [
      { maxConcurrency: 11 },
      [
        'MaximumConcurrency 11 on StageA0',
        'ReservedConcurrentExecutions 10 of WorkerA0',
        'make both 10',
      ],
    ],
    [
      { reserved: 1, maxConcurrency: 3 },
      ['MaximumConcurrency 3', 'ReservedConcurrentExecutions 1 ', 'make both 2'],
    ],
    [
      { maxConcurrency: undefined },
      ['WorkerA0 has no MaximumConcurrency on StageA0', 'reserved concurrency 10'],
    ],
    [
      { reserved: 0, maxConcurrency: 2 },
      ['The cap of WorkerA0 must be a whole number from 1 to 1000; got 0'],
    ],
    [{ reserved: 1001, maxConcurrency: 1000 }, ['got 1001', "set 'workers' in the job's limits"]],
    [{ reserved: undefined, maxConcurrency: 1001 }, ['got 1001']],
    [{ maxReceives: 4 }, ['maxReceiveCount 4 of StageA0', 'WorkerA0', 'set it to 5 or more']],
    [
      { recursiveLoop: undefined },
      ['RecursiveLoop Terminate of WorkerA0', 'StageA0', 'set it to Allow'],
    ],
  ])('names both settings and what to do: %j', (change, parts) => {
    const faults = unsafeMixes([{ ...safe, ...change }]);
    expect(faults).toHaveLength(1);
    for (const part of parts) expect(faults[0]).toContain(part);
  });

  it('adds up what is reserved, and leaves AWS its 100', () => {
    const both = [safe, { ...safe, name: 'WorkerB0', reserved: 889 }];
    expect(unsafeMixes(both, 1000)).toEqual([]);
    expect(unsafeMixes([safe, { ...safe, name: 'WorkerB0', reserved: 890 }], 1000)).toEqual([
      "The stack reserves 901 executions (WorkerA0 10, WorkerB0 890, Sweeper 1), but accountConcurrency 1000 allows 900, since AWS keeps 100 unreserved: lower 'workers' in the jobs' limits, ask AWS for a higher quota, or deploy with reserve=false.",
    ]);
    expect(unsafeMixes([safe], 10)[0]).toContain('accountConcurrency 10 allows 0');
    expect(unsafeMixes([{ ...safe, reserved: undefined }], 10)).toEqual([]);
  });
});

describe('jobs of a stack', () => {
  it('refuses none, two of one name, names that would be one, and too many', () => {
    expect(refusal(() => checkJobs([]))).toContain('jobs is empty');
    expect(refusal(() => checkJobs([fakeJob('a'), fakeJob('a')]))).toContain(
      "two jobs are named 'a'",
    );
    expect(refusal(() => checkJobs([fakeJob('a-1'), fakeJob('a1')]))).toContain(
      "jobs 'a-1' and 'a1' would both be called A10 in the template.",
    );
    const many = Array.from({ length: 31 }, (_, at) => fakeJob(`job${at}x`));
    expect(refusal(() => checkJobs(many))).toContain(
      'jobs have 31 stages in all; a stack holds 30',
    );
    expect(() => checkJobs(many.slice(1))).not.toThrow();
  });

  it('names them as the functions read them', () => {
    expect(pascalOf('my-long-job')).toBe('MyLongJob');
    expect(stageVariable('my-long-job', 2)).toBe('SLUICE_STAGE_MY_LONG_JOB_2');
  });
});
