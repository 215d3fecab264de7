import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { reservationOf } from '../../lib/app/aws/account-limits.ts';
import { TEST_ACCOUNT } from '../support/emulators.ts';
import { type AnswerServer, type Answers, startAnswers } from './aws-answers.ts';
import { inProcess } from './in-process.ts';
import { jobText, newPlace } from './sluice.ts';

const place = newPlace();
place.write('tell.ts', jobText({ limits: '{ workers: 40 }' }));
const ARN = 'arn:aws:cloudformation:eu-central-1:123456789012:stack/CDKToolkit/0f';
const toolkit = (BootstrapVersion: string) => ({ arn: ARN, outputs: { BootstrapVersion } });
const account = (limit: number, unreserved = limit) => ({
  ConcurrentExecutions: limit,
  UnreservedConcurrentExecutions: unreserved,
});
const deployed = (workers: number) => ({
  arn: ARN,
  outputs: {
    UploadBucket: 'u',
    ReportBucket: 'r',
    Table: 't',
    Queues: '{}',
    Jobs: JSON.stringify({ odds: { stages: 1, workers, digest: '0' } }),
  },
});
let server: AnswerServer;

const from = process.cwd();
beforeAll(async () => {
  process.chdir(place.cwd);
  server = await startAnswers({ stacks: {} });
});
afterEach(() => rmSync(join(place.cwd, 'cdk.json'), { force: true }));
afterAll(async () => {
  process.chdir(from);
  await server.close();
  place.remove();
});

interface Said {
  code: number | null;
  /** `status name: detail` lines. */
  lines: string[];
}

async function doctor(
  answers: Answers,
  env: Record<string, string | undefined> = {},
): Promise<Said> {
  Object.assign(server.answers, { fault: undefined, lambda: undefined }, answers);
  const run = await inProcess(['doctor', '--aws', '--json'], {
    ...TEST_ACCOUNT,
    ...server.env,
    ...env,
  });
  expect(run.err).toBe('');
  const { ok, checks } = JSON.parse(run.out) as {
    ok: boolean;
    checks: { name: string; status: string; detail: string }[];
  };
  expect(ok).toBe(run.code === 0);
  return {
    code: run.code,
    lines: checks.map(({ name, status, detail }) => `${status} ${name}: ${detail}`),
  };
}

const REGION = 'ok region: eu-central-1';
const ACCOUNT = 'ok credentials: accepted, of account 123456789012';
const BOOTSTRAP = 'ok bootstrap: version 21, 6 or later is needed';

describe('doctor --aws', () => {
  it('says that an account fits', async () => {
    const { code, lines } = await doctor({
      stacks: { CDKToolkit: toolkit('21') },
      lambda: account(1000),
    });
    expect(lines).toEqual([
      REGION,
      ACCOUNT,
      BOOTSTRAP,
      'ok concurrency: the account runs 1000 at once, 1000 of them unreserved; AWS keeps 100 of those',
      'ok caps: stack Sluice reserves odds 10 + orchestrator 10 + sweeper 1 = 21; 900 can be reserved',
    ]);
    expect(code).toBe(0);
  });

  it('prints a line each for people', async () => {
    Object.assign(server.answers, { stacks: {}, lambda: account(1000) });
    const env = { ...TEST_ACCOUNT, ...server.env };
    const { code, out, err } = await place.run(['doctor', '--aws'], { env });
    expect([code, err]).toEqual([1, '']);
    expect(out.split('\n').map((line) => line.slice(0, 18))).toEqual([
      'ok    region      ',
      'ok    credentials ',
      'fail  bootstrap   ',
      'ok    concurrency ',
      'ok    caps        ',
      '',
    ]);
    expect(out).toContain('npx cdk bootstrap');
  });

  it('refuses a new account, and says what to do', async () => {
    const { code, lines } = await doctor({
      stacks: { CDKToolkit: toolkit('21') },
      lambda: account(10),
    });
    expect(code).toBe(1);
    expect(lines.at(-1)).toBe(
      'fail caps: stack Sluice reserves odds 10 + orchestrator 10 + sweeper 1 = 21; 0 can be reserved. Deploy with -c reserve=false, or raise the quota. Quota: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000',
    );
  });

  it('counts the jobs of cdk.json, and says which caps would fit', async () => {
    place.write('cdk.json', '{"context": {"jobs": "odds,./tell.ts", "stack": "Mine"}}');
    const { code, lines } = await doctor({
      stacks: { CDKToolkit: toolkit('21') },
      lambda: account(1000, 140),
    });
    expect(code).toBe(1);
    expect(lines.at(-1)).toContain(
      'stack Mine reserves odds 10 + tell 40 + orchestrator 10 + sweeper 1 = 61; 40 can be reserved. ' +
        "Lower 'workers' of the jobs to 29 in all, deploy with -c reserve=false, or raise the quota.",
    );
    expect(lines.at(-1)).toMatch(/--desired-value 1021$/);
  });

  it('takes what the deployed stack reserves already as its own', async () => {
    const stacks = { CDKToolkit: toolkit('21'), Sluice: deployed(20) };
    const { code, lines } = await doctor({ stacks, lambda: account(131, 100) });
    expect([code, lines.at(-1)]).toEqual([0, expect.stringContaining('= 21; 31 can be reserved')]);
  });

  it('with reserve=false only compares with the limit', async () => {
    place.write('cdk.json', '{"context": {"reserve": false}}');
    const stacks = { CDKToolkit: toolkit('21') };
    const fits = await doctor({ stacks, lambda: account(50) });
    expect([fits.code, fits.lines.at(-1)]).toEqual([
      0,
      expect.stringMatching(/^ok caps: reserve=false/),
    ]);
    const small = await doctor({ stacks, lambda: account(10) });
    expect([small.code, small.lines.at(-1)]).toEqual([
      0,
      expect.stringMatching(/^warn caps: .+ = 21 share 10 with .+, which is less\. Quota: /),
    ]);
  });

  it.each([
    [undefined, 'fail bootstrap: eu-central-1 has no stack CDKToolkit. Run once '],
    ['5', 'fail bootstrap: version 5, 6 or later is needed. Update it: npx cdk bootstrap'],
    ['', 'fail bootstrap: version 0, 6 or later'],
  ])('bootstrap version %s', async (version, said) => {
    const stacks = version === undefined ? {} : { CDKToolkit: toolkit(version) };
    const { code, lines } = await doctor({ stacks, lambda: account(1000) });
    expect([code, lines[2]]).toEqual([1, expect.stringContaining(said)]);
  });

  it('stops at what nothing else can do without', async () => {
    const noRegion = await doctor({ stacks: {} }, { AWS_REGION: undefined });
    expect(noRegion).toEqual({ code: 1, lines: [expect.stringMatching(/^fail region: No AWS/)] });
    const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    const noCredentials = await doctor({ stacks: {} }, none);
    expect(noCredentials.lines).toEqual([
      REGION,
      expect.stringMatching(/^fail credentials: There are no AWS credentials: /),
    ]);
    const fault = { status: 403, code: 'ExpiredToken', message: 'It is expired.' };
    expect((await doctor({ stacks: {}, fault })).lines[1]).toMatch(
      /^fail credentials: The AWS credentials have expired: It is expired\. Log in again/,
    );
  });

  it('names the right that is missing, and a job that cannot be counted', async () => {
    const stacks = { CDKToolkit: toolkit('21') };
    const denied = await doctor({ stacks, lambda: 'AccessDeniedException' });
    expect(denied.lines.at(-1)).toContain(
      'fail concurrency: Access to the settings of AWS Lambda is denied (lambda:GetAccountSettings).',
    );
    place.write('cdk.json', '{"context": {"jobs": ["./none.ts"]}}');
    const noJob = await doctor({ stacks, lambda: account(1000) });
    expect([noJob.code, noJob.lines.at(-1)]).toEqual([
      1,
      expect.stringContaining('fail caps: There is no job file ./none.ts.'),
    ]);
  });
});

describe('what a stack may reserve', () => {
  it.each([
    ['nothing deployed', account(1000), undefined, 900],
    ['its own comes back', account(1000, 900), 50, 861],
    ['deployed without reserving', account(1000), 50, 900],
    ['less than what AWS keeps', account(90), undefined, 0],
  ])('%s', (_what, limits, old, available) => {
    const { ConcurrentExecutions: limit, UnreservedConcurrentExecutions: unreserved } = limits;
    const before = old === undefined ? undefined : { odds: old };
    expect(reservationOf({ limit, unreserved }, { odds: 10 }, before)).toEqual({
      needed: 21,
      available,
    });
  });
});
