import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newFolder, removeFolders, type Template } from './folders.ts';

afterAll(removeFolders);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const APP = join(ROOT, 'dist/cdk/app.js');

interface Run {
  code: number | null;
  err: string;
  template(stack?: string): Template;
  /** Files of an asset, by the logical id of its function. */
  asset(id: string, stack?: string): Record<string, Buffer>;
}

/**
 * Runs a CDK app as the CLI would, in `cwd`. The CDK's own check of templates takes 4 of 5 s CPU, so
 * one run has it on, and the others not.
 */
function run(
  file: string,
  cwd: string,
  {
    context = {},
    validate = false,
  }: { context?: Record<string, unknown>; validate?: boolean } = {},
): Promise<Run> {
  const out = newFolder();
  const env = {
    PATH: process.env['PATH'],
    CDK_OUTDIR: out,
    CDK_CONTEXT_JSON: JSON.stringify(context),
    CDK_VALIDATION: String(validate),
  };
  const template = (stack = 'Sluice') =>
    JSON.parse(readFileSync(join(out, `${stack}.template.json`), 'utf8')) as Template;
  return new Promise((resolve) => {
    execFile(process.execPath, [file], { cwd, env }, (error, _out, err) => {
      resolve({
        code: error === null ? 0 : Number(error.code),
        err,
        template,
        asset(id, stack) {
          const code = template(stack).Resources[id]?.Properties['Code'] as { S3Key: string };
          const folder = join(out, `asset.${code.S3Key.replace('.zip', '')}`);
          const names = readdirSync(folder, { recursive: true, withFileTypes: true });
          const files = names.filter((entry) => entry.isFile());
          return Object.fromEntries(
            files.map(({ parentPath, name }) => {
              const path = join(parentPath, name);
              return [path.slice(folder.length + 1), readFileSync(path)];
            }),
          );
        },
      });
    });
  });
}

/** A user's project: an app of its own, a job given by path, the package linked. */
function userProject(): string {
  const folder = newFolder();
  mkdirSync(join(folder, 'node_modules'));
  mkdirSync(join(folder, 'jobs'));
  symlinkSync(ROOT, join(folder, 'node_modules/sluice'));
  for (const name of ['aws-cdk-lib', 'constructs']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  writeFileSync(
    join(folder, 'jobs/companies.ts'),
    `import { defineJob, ndjson, ok } from 'sluice';
     export default defineJob({
       name: 'companies',
       input: ndjson<{ siren: string }>(),
       limits: { workers: 3, itemTimeout: '45s', memory: 2048 },
       process: (row) => ok(row.siren),
     });`,
  );
  writeFileSync(
    join(folder, 'app.mjs'),
    `import { App, Stack } from 'aws-cdk-lib';
     import { bundleJobs, SluiceStack } from 'sluice/cdk';
     const app = new App();
     const jobs = await bundleJobs(['odds', './jobs/companies.ts']);
     const stack = new SluiceStack(app, 'Import', { jobs, budget: '5s', keep: '30d' });
     if (!(stack instanceof Stack)) throw new Error('another copy of aws-cdk-lib');
     app.synth();`,
  );
  return folder;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe("a user's app", () => {
  let one: Run;
  let two: Run;
  beforeAll(async () => {
    const [first, second] = [userProject(), userProject()];
    [one, two] = await Promise.all([
      run(join(first, 'app.mjs'), first),
      run(join(second, 'app.mjs'), second),
    ]);
  }, 60_000);

  it('takes built-in jobs by name and its own by path, with their limits', () => {
    expect(one.err.replace(/^Bundling asset .*\n/gm, '')).toBe('');
    expect(one.code).toBe(0);
    const { Resources, Outputs } = one.template('Import');
    expect(Resources['WorkerCompanies0']?.Properties).toMatchObject({
      Timeout: 60,
      ReservedConcurrentExecutions: 3,
      MemorySize: 2048,
      Environment: { Variables: { SLUICE_BUDGET_MS: '5000', SLUICE_KEEP_DAYS: '30' } },
    });
    expect(Resources['WorkerOdds0']?.Properties['ReservedConcurrentExecutions']).toBe(10);
    expect(JSON.stringify(Outputs['UploadCommand'])).toContain('/inbox/<job>/');
  });

  it('ships the bundles as built, each worker with its own job and nothing more', () => {
    const { Outputs } = one.template('Import');
    const jobs = JSON.parse(String(Outputs['Jobs']?.Value)) as Record<string, { digest: string }>;
    const worker = one.asset('WorkerCompanies0', 'Import');
    expect(Object.keys(worker).sort()).toEqual(['index.mjs', 'jobs/companies.mjs']);
    expect(sha256(worker['jobs/companies.mjs'] as Buffer)).toBe(jobs['companies']?.digest);
    for (const [id, kind] of [
      ['Orchestrator', 'orchestrator'],
      ['Sweeper', 'sweeper'],
    ] as const) {
      const files = one.asset(id, 'Import');
      expect(Object.keys(files).sort()).toEqual([
        'index.mjs',
        'jobs/companies.mjs',
        'jobs/odds.mjs',
      ]);
      expect(sha256(files['jobs/odds.mjs'] as Buffer)).toBe(jobs['odds']?.digest);
      const built = readFileSync(join(ROOT, `dist/functions/${kind}/index.mjs`));
      expect(files['index.mjs']?.equals(built)).toBe(true);
    }
  });

  it('gives the same template, asset hashes included, from another folder', () => {
    expect(two.template('Import')).toEqual(one.template('Import'));
  });
});

describe('the app of this package', () => {
  // 15 s of CPU; the stack's own tests synthesise it in their process.
  it.runIf(process.env['SLUICE_FULL'])(
    'synthesises anywhere, without a cdk.json',
    async () => {
      const made = await run(APP, newFolder(), { validate: true });
      expect(made.err.replace(/^Bundling asset .*\n/gm, '')).toBe('');
      expect(made.code).toBe(0);
      const { Resources, Outputs } = made.template();
      expect(Object.keys(Resources)).toContain('WorkerOdds0');
      expect(Object.values(Resources).map(({ Type }) => Type)).not.toContain('AWS::CDK::Metadata');
      expect(JSON.stringify(Outputs['UploadCommand'])).toContain('/inbox/odds/');
      lint(JSON.stringify(made.template()));
    },
    60_000,
  );

  it.each([
    [{ budgets: '1s' }, /^Context key 'budgets' is none of Sluice's.\nThere are: stack, jobs, /],
    [{ accountConcurrency: 50 }, /accountConcurrency 50 allows 0, since AWS keeps 100 unreserved/],
  ])(
    'refuses %j in two lines, with exit 1',
    async (context, message) => {
      const { code, err } = await run(APP, newFolder(), { context });
      const said = err.replace(/^Bundling asset .*\n/gm, '');
      expect(said).toMatch(message);
      expect(said.trimEnd().split('\n').length).toBeLessThan(4);
      expect(code).toBe(1);
    },
    30_000,
  );

  it("is what cdk.json starts, with this library's recommended flags", () => {
    const { app, context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as {
      app: string;
      context: unknown;
    };
    expect(app).toBe('node dist/cdk/app.js');
    const flags = createRequire(import.meta.url)('aws-cdk-lib/recommended-feature-flags.json');
    expect(context).toEqual(flags);
  });
});

const present = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0;

/** W3005 (a DependsOn that a GetAtt implies) is how the CDK itself orders a function after its role. */
function lint(template: string): void {
  if (!present('cfn-lint', '--version')) {
    process.stderr.write('skipped: needs cfn-lint\n');
    return;
  }
  const file = join(newFolder(), 'template.json');
  writeFileSync(file, template);
  const { stdout, status } = spawnSync('cfn-lint', ['-i', 'W3005', '--', file], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
  expect(status).toBe(0);
}

const FULL = process.env['SLUICE_FULL'] === '1';
const MOTO = FULL && present('python3', '-c', 'import moto.server');
if (FULL && !MOTO) process.stderr.write('skipped: needs moto\n');

describe.skipIf(!MOTO)('a moto server', () => {
  let server: ChildProcess;
  let endpoint = '';
  beforeAll(async () => {
    const port = await freePort();
    endpoint = `http://127.0.0.1:${port}`;
    server = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
    });
    for (let tries = 0; tries < 150; tries += 1) {
      const up = await fetch(endpoint).then(
        () => true,
        () => false,
      );
      if (up) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error('moto does not answer');
  }, 60_000);
  afterAll(() => {
    server.kill('SIGKILL');
  });

  it('makes the stack of the template, as it is', async () => {
    const made = await run(APP, newFolder());
    await bootstrap(endpoint, made.template());
    const client = new CloudFormationClient({ endpoint, ...MOTO_ACCOUNT });
    await client.send(
      new CreateStackCommand({
        StackName: 'Sluice',
        TemplateBody: JSON.stringify(made.template()),
        Capabilities: ['CAPABILITY_IAM'],
      }),
    );
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: 'Sluice' }));
    expect(Stacks?.[0]?.StackStatus).toBe('CREATE_COMPLETE');
    const outputs = Stacks?.[0]?.Outputs?.map(({ OutputKey }) => OutputKey) ?? [];
    expect(outputs.sort()).toEqual(Object.keys(made.template().Outputs).sort());
    const { StackResources } = await client.send(
      new DescribeStackResourcesCommand({ StackName: 'Sluice' }),
    );
    const types = StackResources?.map(({ ResourceType }) => ResourceType) ?? [];
    for (const type of ['AWS::Lambda::EventSourceMapping', 'AWS::SQS::Queue', 'AWS::S3::Bucket']) {
      const wanted = Object.values(made.template().Resources).filter(({ Type }) => Type === type);
      expect(types.filter((made) => made === type)).toHaveLength(wanted.length);
    }
  }, 90_000);
});

/** What `cdk bootstrap` and the upload of assets leave in an account. */
async function bootstrap(endpoint: string, template: Template): Promise<void> {
  await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AmazonSSM.PutParameter',
      authorization:
        'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify({
      Name: '/cdk-bootstrap/hnb659fds/version',
      Type: 'String',
      Value: '30',
    }),
  });
  const s3 = new S3Client({ endpoint, forcePathStyle: true, ...MOTO_ACCOUNT });
  // moto's own account number.
  const Bucket = 'cdk-hnb659fds-assets-123456789012-us-east-1';
  await s3.send(new CreateBucketCommand({ Bucket }));
  const emptyZip = Buffer.from(`504b0506${'00'.repeat(18)}`, 'hex');
  for (const { Properties } of Object.values(template.Resources)) {
    const Key = (Properties['Code'] as { S3Key: string } | undefined)?.S3Key;
    if (Key !== undefined) await s3.send(new PutObjectCommand({ Bucket, Key, Body: emptyZip }));
  }
  s3.destroy();
}

const MOTO_ACCOUNT = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
};

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
