import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobText, rows } from './sluice.ts';
import { ARN, type StackWorld, stackWorld } from './stack-world.ts';

let on: StackWorld;

beforeAll(async () => {
  on = await stackWorld({ tell: jobText() });
  on.server.answers.stacks['Other'] = { arn: ARN, outputs: { Url: 'https://x', Table: 't' } };
  on.server.answers.stacks['Torn'] = { arn: ARN, outputs: { ...on.outputs(), Jobs: '{' } };
}, 60_000);
afterAll(() => on.close());

const list = (stack: string, env: Record<string, string | undefined> = {}) =>
  on.run(['list', '--stack', stack], env);

/** The error and the hint of a command that must fail. */
async function failure(
  stack: string,
  env: Record<string, string | undefined> = {},
): Promise<[number, string]> {
  const { code, out, err } = await list(stack, env);
  expect(out).toBe('');
  expect(err).toMatch(/^error: .+\n {2}hint: .+\n$/);
  return [code ?? 0, err];
}

describe('a stack that cannot be opened', () => {
  it('no credentials', async () => {
    const [code, err] = await failure('Sluice', {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
    });
    expect(code).toBe(1);
    expect(err).toContain('There are no AWS credentials: ');
    expect(err).toContain('AWS_PROFILE');
  });

  it.each([
    ['unset', undefined, 'error: No AWS region is set.\n'],
    ['empty', '', 'error: No AWS region is set.\n'],
    ['wrong', 'eu central', 'error: The AWS region is none: Region not accepted: '],
  ])('no region: %s', async (_what, AWS_REGION, said) => {
    const [code, err] = await failure('Sluice', { AWS_REGION });
    expect([code, err]).toEqual([1, expect.stringContaining(said)]);
    expect(err).toContain('AWS_REGION=eu-central-1');
  });

  it('no such stack', async () => {
    const [code, err] = await failure('Slucie');
    expect(code).toBe(4);
    expect(err).toContain('There is no stack Slucie in eu-central-1.');
    expect(err).toContain('aws cloudformation describe-stacks');
    expect(err).toContain('npx cdk deploy');
  });

  it.each([
    ['Other', 'it has no output UploadBucket', 'Its outputs: Table, Url.'],
    ['Torn', 'its output Jobs is no JSON object', 'Its outputs: Inbox, Jobs,'],
  ])("not one of Sluice's: %s", async (stack, why, outputs) => {
    const [code, err] = await failure(stack);
    expect(code).toBe(1);
    expect(err).toContain(`Stack ${stack} is not one of Sluice's: ${why}.`);
    expect(err).toContain(outputs);
  });

  const user = 'User: arn:aws:iam::123456789012:user/me is not authorized to perform: ';
  it.each([
    [
      'AccessDenied',
      403,
      `${user}cloudformation:DescribeStacks on resource: x`,
      'Access to stack Sluice is denied (cloudformation:DescribeStacks).',
    ],
    [
      'AccessDenied',
      403,
      'No.',
      'Access to stack Sluice is denied (cloudformation:DescribeStacks).',
    ],
    [
      'ExpiredToken',
      403,
      'The security token included in the request is expired',
      'The AWS credentials have expired: The security token',
    ],
    [
      'InvalidClientTokenId',
      403,
      'The security token included in the request is invalid.',
      'AWS refuses the credentials: The security token',
    ],
  ])('%s', async (code, status, message, said) => {
    on.server.answers.fault = { status, code, message };
    const [exit, err] = await failure('Sluice');
    on.server.answers.fault = undefined;
    expect([exit, err]).toEqual([1, expect.stringContaining(`error: ${said}`)]);
  });

  it('a table that is gone', async () => {
    const client = new DynamoDBClient({});
    await on.world.emulators.createTable('short-lived');
    await client.send(new DeleteTableCommand({ TableName: 'short-lived' }));
    client.destroy();
    const outputs = { ...on.outputs(), Table: 'short-lived' };
    on.server.answers.stacks['Hollow'] = { arn: ARN, outputs };
    const [code, err] = await failure('Hollow');
    expect(code).toBe(4);
    expect(err).toContain('The table short-lived of stack Hollow is gone.');
    expect(err).toContain('point-in-time recovery');
  });
});

describe('which place is meant', () => {
  const usage = async (args: string[], env: Record<string, string> = {}): Promise<string> => {
    const { code, out, err } = await on.run(args, env);
    expect([code, out]).toEqual([64, '']);
    return err;
  };

  it.each([
    [['list', '--home', 'x', '--stack', 'Sluice'], '--stack and --home cannot be used together.'],
    [['run', 'odds', 'x.csv', '--stack', 'Sluice'], 'sluice submit odds <files...>'],
    [['demo', '--stack', 'Sluice'], 'demo does not take --stack.'],
    [['init', '--stack', 'Sluice'], 'init does not take --stack.'],
    [['doctor', '--stack', 'Sluice'], 'doctor does not take --stack.'],
    [
      ['purge', 'tell-x', '--yes', '--stack', 'Sluice'],
      'purge works on a home only(.|\n)*keepReports',
    ],
    [['logs', '--engine', '--stack', 'Sluice'], 'is in CloudWatch'],
    [['resume', 'tell-x', '--workers', '2', '--stack', 'Sluice'], 'does not take --workers'],
    [['submit', 'tell', 'x.jsonl'], 'Which stack'],
  ])('%j', async (args, message) => {
    expect(await usage(args)).toMatch(new RegExp(message));
  });

  it('SLUICE_STACK names it; --home wins; run ignores it, purge refuses it', async () => {
    const env = { SLUICE_STACK: 'Sluice' };
    expect((await on.run(['list'], env)).err).toContain('There is no batch in stack Sluice yet.');
    expect((await on.run(['list', '--home', 'h'], env)).err).toContain(
      'There is no batch in h yet.',
    );
    on.place.write('two.jsonl', rows(2));
    expect((await on.start(['run', './tell.ts', 'two.jsonl'], env).ended).code).toBe(0);
    expect(await usage(['purge', 'tell-x'], env)).toContain('not on stack Sluice');
  });

  it('--stack emulate is the emulator of the home, or says that none stands', async () => {
    const none = await on.start(['list', '--stack', 'emulate']).ended;
    expect([none.code, none.err]).toEqual([
      4,
      expect.stringMatching(/^error: No emulator stands in \.sluice\.\n {2}hint: .+js emulate\./),
    ]);
    mkdirSync(join(on.place.cwd, 'em'));
    const env = { ...on.world.emulators.env, ...on.server.env };
    const standing = {
      pid: process.pid,
      stack: 'Sluice',
      endpoint: '',
      speed: 1,
      outputs: {},
      env,
    };
    writeFileSync(join(on.place.cwd, 'em', 'emulate.json'), JSON.stringify(standing));
    // Nothing of the person's own account may be asked.
    const own = {
      AWS_PROFILE: 'mine',
      AWS_ENDPOINT_URL_CLOUDFORMATION: 'http://127.0.0.1:1',
      AWS_REGION: '',
    };
    const args = ['list', '--json', '--home', 'em', '--stack', 'emulate'];
    const found = await on.start(args, own).ended;
    expect([found.code, found.out, found.err]).toEqual([0, '[]\n', '']);
  });
});

describe('the AWS SDK', () => {
  const loaded = async (args: string[]): Promise<string[]> => {
    const folder = mkdtempSync(join(on.place.cwd, 'coverage-'));
    const { code, err } = await on.start(args, { NODE_V8_COVERAGE: folder }).ended;
    expect([code, err.replace(/Batch .+\n/, '')]).toEqual([0, '']);
    return readdirSync(folder).flatMap((file) => {
      const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
        result: { url: string }[];
      };
      return result.map(({ url }) => url);
    });
  };
  const ofSdk = (urls: string[]): string[] =>
    urls.filter((url) => /node_modules\/@(aws-sdk|smithy)\//.test(url));

  it('is loaded by commands on a stack only, and its warning about Node is not shown', async () => {
    on.place.write('one.jsonl', rows(1));
    const run = ['run', './tell.ts', 'one.jsonl', '--again'];
    const home = await loaded(run);
    expect(home.filter((url) => url.endsWith('dist/cli/main.js')).length).toBeGreaterThan(0);
    expect(ofSdk(home)).toEqual([]);
    expect(ofSdk(await loaded(['--help']))).toEqual([]);
    expect(ofSdk(await loaded(['list', '--json']))).toEqual([]);
    expect(ofSdk(await loaded(['list', '--json', '--stack', 'Sluice'])).length).toBeGreaterThan(20);
  }, 60_000);
});
