import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { cloudWorld } from '../support/cloud-world.ts';

type Handler = (event: unknown, context: Partial<Context>) => Promise<unknown>;
const data = process.env['SLUICE_DATA'] ?? join(process.cwd(), '../shared/data');
const recorded = join(data, 'aws-events');
const folder = mkdtempSync(join(tmpdir(), 'sluice-handlers-'));

let world: Awaited<ReturnType<typeof cloudWorld>>;
const lines: string[] = [];
beforeAll(async () => {
  world = await cloudWorld({ jobs: { odds: 'odds' } });
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  for (const method of ['log', 'info', 'warn', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((line) => lines.push(String(line)));
  }
});
afterAll(async () => {
  vi.restoreAllMocks();
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

let copies = 0;
/** The built bundle, loaded as Lambda does it: with the stack's environment, from a folder of its own. */
async function load(name: string, more: Record<string, string> = {}): Promise<Handler> {
  copies += 1;
  const copy = join(folder, `${name}-${copies}`);
  cpSync(new URL(`../../dist/functions/${name}`, import.meta.url), copy, { recursive: true });
  cpSync(join(world.root, 'jobs'), join(copy, 'jobs'), { recursive: true });
  Object.assign(process.env, world.env, { POWERTOOLS_SERVICE_NAME: 'Sluice' });
  Object.assign(process.env, { POWERTOOLS_METRICS_NAMESPACE: 'Sluice', LAMBDA_TASK_ROOT: copy });
  Object.assign(process.env, {
    POWERTOOLS_DEV: 'true',
    POWERTOOLS_METRICS_DISABLED: 'false',
    ...more,
  });
  const { handler } = (await import(pathToFileURL(join(copy, 'index.mjs')).href)) as {
    handler: Handler;
  };
  return handler;
}

const context: Partial<Context> = {
  awsRequestId: '2f9b4f2e-0000-4000-8000-000000000001',
  functionName: 'handler',
  getRemainingTimeInMillis: () => 30_000,
};
const event = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../events/${name}.json`, import.meta.url), 'utf8'));
const names = readdirSync(new URL('../../events', import.meta.url)).map((file) =>
  file.slice(0, -5),
);

describe('the built functions', () => {
  test('the orchestrator answers every sample event, and asks for none again', async () => {
    const handler = await load('orchestrator');
    for (const name of names) {
      const answer = await handler(event(name), context);
      expect([name, answer]).toEqual([name, { batchItemFailures: [] }]);
    }
  });

  test('the worker answers every sample event, and asks for none again', async () => {
    const handler = await load('worker');
    for (const name of names) {
      const answer = await handler(event(name), context);
      expect([name, answer]).toEqual([name, { batchItemFailures: [] }]);
    }
  });

  test('the sweeper sweeps an empty stack, and tells of it in metrics', async () => {
    const handler = await load('sweeper');
    lines.length = 0;
    await handler(event('schedule'), context);
    const metrics = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(metrics.some((line) => line['_aws'] !== undefined && line['LiveBatches'] === 0)).toBe(
      true,
    );
  });

  test('a message that a missing table keeps from being worked comes back', async () => {
    const handler = await load('orchestrator', { SLUICE_TABLE: 'nowhere' });
    lines.length = 0;
    const answer = await handler(event('step-plan'), context);
    const [record] = (event('step-plan') as { Records: { messageId: string }[] }).Records;
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: record?.messageId }] });
    const failure = lines.find((line) => line.includes('message failed'));
    expect(failure).toContain('nowhere');
    expect(failure).toContain('deploy the stack');
  });

  test('an environment that is not the stack says which variable is missing', async () => {
    await expect(load('orchestrator', { SLUICE_REPORTS: '' })).rejects.toThrow(
      'The environment variable SLUICE_REPORTS is not set.',
    );
  });
});

describe.skipIf(!existsSync(recorded))(
  'events that others recorded (skipped: needs SLUICE_DATA)',
  () => {
    test.each(['orchestrator', 'worker'])('none crashes the %s', async (name) => {
      const handler = await load(name);
      const files = readdirSync(recorded, { recursive: true, encoding: 'utf8' });
      const json = files.filter((file) => file.endsWith('.json'));
      expect(json.length).toBeGreaterThan(30);
      for (const file of json) {
        const answer = await handler(
          JSON.parse(readFileSync(join(recorded, file), 'utf8')),
          context,
        );
        expect([file, answer]).toEqual([file, { batchItemFailures: [] }]);
      }
    });
  },
);
