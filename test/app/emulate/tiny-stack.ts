import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Resource, Template } from '../../../lib/app/emulate/assembly.ts';

const HANDLERS = fileURLToPath(new URL('../../fixtures/emulate/handlers/', import.meta.url));

/** Writes what `cdk synth` writes: a manifest, the template, and the assets of its functions. Returns the folder. */
export function writeAssembly(template: Template, name = 'Tiny'): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const write = (file: string, content: object): void =>
    writeFileSync(join(folder, file), JSON.stringify(content));
  write('manifest.json', {
    artifacts: {
      [`${name}.assets`]: { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } },
      [name]: { type: 'aws:cloudformation:stack', properties: { templateFile: 'template.json' } },
    },
  });
  const files = ['behave', 'broken'].map((handler) => [
    handler,
    {
      source: { path: join(HANDLERS, handler), packaging: 'zip' },
      destinations: { here: { objectKey: `${handler}.zip` } },
    },
  ]);
  write('assets.json', { files: Object.fromEntries(files) });
  write('template.json', template);
  return folder;
}

/** `Fn::Sub` of a name, a dash and a text. */
export const sub = (name: string, text: string): { 'Fn::Sub': string } => ({
  'Fn::Sub': `\${${name}}-${text}`,
});

/** A function of the fixtures, with what a test wants of it. */
export const lambda = (handler: string, more: Resource['Properties'] = {}): Resource => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: sub('AWS::AccountId', 'assets'), S3Key: `${handler}.zip` },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    MemorySize: 256,
    Timeout: 5,
    Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
    ...more,
  },
});

export const ROLE: Record<string, Resource> = {
  Role: { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: {} } },
};

export const queue = (more: Resource['Properties'] = {}): Resource => ({
  Type: 'AWS::SQS::Queue',
  Properties: more,
});

/** A mapping from `source` to `target`, both logical ids. */
export const mapping = (
  source: string,
  target: string,
  more: Resource['Properties'] = {},
): Resource => ({
  Type: 'AWS::Lambda::EventSourceMapping',
  Properties: {
    BatchSize: 1,
    EventSourceArn: { 'Fn::GetAtt': [source, 'Arn'] },
    FunctionName: { Ref: target },
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ...more,
  },
});

/** Waits until `done` says so; fails after `withinMs`. */
export async function until(
  done: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${done}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
