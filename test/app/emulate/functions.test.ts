import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../../lib/app/emulate/emulator.ts';
import { lambda, ROLE, sub, until, writeAssembly } from './tiny-stack.ts';

let emulator: Emulator;
const faults: unknown[] = [];

beforeAll(async () => {
  emulator = await startEmulator({
    assembly: writeAssembly({
      Resources: {
        ...ROLE,
        Behave: lambda('behave', {
          Environment: { Variables: { OWN: sub('AWS::StackName', 'x') } },
        }),
        Short: lambda('behave', { Timeout: 1 }),
        Small: lambda('behave', { MemorySize: 128, Timeout: 20 }),
        Single: lambda('behave', { ReservedConcurrentExecutions: 1 }),
        Broken: lambda('broken'),
      },
    }),
    onFault: (error) => faults.push(error),
  });
});

afterAll(async () => {
  await emulator.close();
  expect(faults).toEqual([]);
});

const answerOf = async (name: string, event: object): Promise<Record<string, unknown>> => {
  const result = await emulator.invoke(name, event);
  if (result.did !== 'answered') throw new Error(`${name}: ${JSON.stringify(result)}`);
  return JSON.parse(result.answer) as Record<string, unknown>;
};

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('an environment', () => {
  it('is loaded once and used again', async () => {
    const first = await answerOf('behave', { do: 'echo', value: 'ä' });
    const second = await answerOf('BEHAVE', { do: 'echo', value: [1] });
    expect(first).toMatchObject({ value: 'ä', calls: 1 });
    expect(second).toMatchObject({ value: [1], calls: 2, pid: first['pid'] });
    expect(emulator.stats().functions['Behave']).toMatchObject({ invocations: 2, cold: 1 });
    expect(emulator.logs('Behave')).toMatch(
      /loaded \d+\nSTART RequestId: .*\nEND .*\nREPORT .*Init Duration/,
    );
  });

  it('has what Lambda gives it, and nothing of this process', async () => {
    process.env['SLUICE_TEST_LEAK'] = 'x';
    const context = await answerOf('Behave', { do: 'context' });
    expect(context).toMatchObject({
      functionVersion: '$LATEST',
      memoryLimitInMB: '256',
      invokedFunctionArn: expect.stringMatching(
        /^arn:aws:lambda:us-east-1:000000000000:function:Tiny-Behave-/,
      ),
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(context['remainingMs']).toBeGreaterThan(4500);
    expect(context['remainingMs']).toBeLessThanOrEqual(5000);
    const env = context['env'] as Record<string, string>;
    expect(env).toMatchObject({
      OWN: 'Tiny-x',
      SLUICE_SPEED: '1',
      AWS_LAMBDA_FUNCTION_NAME: context['functionName'],
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_ENDPOINT_URL_S3: emulator.endpoint,
      AWS_ACCESS_KEY_ID: 'Behave',
      LAMBDA_TASK_ROOT: expect.stringContaining('handlers/behave'),
    });
    expect(env).not.toHaveProperty('SLUICE_TEST_LEAK');
    expect(env).not.toHaveProperty('NODE_OPTIONS');
  });

  it('goes on after a handler threw', async () => {
    const before = await answerOf('Behave', { do: 'echo' });
    const result = await emulator.invoke('Behave', { do: 'throw', value: 'no such thing' });
    expect(result).toEqual({
      did: 'failed',
      type: 'TypeError',
      message: 'no such thing',
      died: false,
    });
    expect(await answerOf('Behave', { do: 'echo' })).toMatchObject({ pid: before['pid'] });
    expect(emulator.logs('Behave')).toContain('no such thing');
  });

  it('answers null where the handler answers nothing, and fails for an answer that is no JSON', async () => {
    expect(await emulator.invoke('Behave', {})).toEqual({ did: 'answered', answer: 'null' });
    expect(await emulator.invoke('Behave', { do: 'cycle' })).toMatchObject({
      did: 'failed',
      type: 'TypeError',
    });
  });

  it('that ends by process.exit fails its call and is never used again', async () => {
    const { pid } = await answerOf('Behave', { do: 'echo' });
    expect(await emulator.invoke('Behave', { do: 'exit', code: 3 })).toEqual({
      did: 'failed',
      type: 'Runtime.ExitError',
      message: 'Runtime exited with error: exit status 3',
      died: true,
    });
    expect((await answerOf('Behave', { do: 'echo' }))['pid']).not.toBe(pid);
  });

  it('that dies between two calls is skipped', async () => {
    const { pid } = await answerOf('Behave', { do: 'echo' });
    expect(await emulator.invoke('Behave', { do: 'reject' })).toMatchObject({ did: 'answered' });
    await until(() => emulator.logs('Behave').includes('nobody caught this'));
    await until(() => !isRunning(pid as number));
    expect((await answerOf('Behave', { do: 'echo' }))['pid']).not.toBe(pid);
  });

  it('is killed at its time-out, also in an endless loop', async () => {
    const began = performance.now();
    const results = await Promise.all([
      emulator.invoke('Short', { do: 'loop' }),
      emulator.invoke('Short', { do: 'sleep', ms: 60_000 }),
    ]);
    for (const result of results) {
      expect(result).toMatchObject({
        did: 'failed',
        type: 'Sandbox.Timedout',
        message: 'Task timed out after 1.00 seconds',
      });
    }
    expect(performance.now() - began).toBeLessThan(4000);
    expect(emulator.stats().functions['Short']).toMatchObject({
      timeouts: 2,
      peakBusy: 2,
      errors: 0,
    });
    expect(emulator.logs('Short')).toContain('Task timed out after 1.00 seconds');
  });

  it.skipIf(process.platform !== 'linux')(
    'is killed above its memory, buffers counted',
    async () => {
      const result = await emulator.invoke('Small', { do: 'grow', mb: 256, ms: 15_000 });
      expect(result).toMatchObject({ did: 'failed', type: 'Runtime.OutOfMemory', died: true });
      const { memoryKills, maxRssMb } = emulator.stats().functions['Small'] ?? {};
      expect(memoryKills).toBe(1);
      expect(maxRssMb).toBeGreaterThan(128);
      expect(emulator.logs('Small')).toMatch(/of 128 MB used/);
    },
  );

  it('dies when its heap is full', async () => {
    expect(await emulator.invoke('Small', { do: 'heap' })).toMatchObject({
      did: 'failed',
      died: true,
    });
    expect(await answerOf('Small', { do: 'echo' })).toMatchObject({ calls: 1 });
  });

  it('that cannot be loaded fails the call with the reason', async () => {
    expect(await emulator.invoke('Broken', {})).toMatchObject({
      did: 'failed',
      message: 'it cannot be loaded',
    });
    expect(emulator.stats().functions['Broken']).toMatchObject({ invocations: 1, environments: 0 });
  });
});

describe('concurrency', () => {
  it('is bounded by what is reserved: one more is throttled', async () => {
    const first = emulator.invoke('Single', { do: 'sleep', ms: 300 });
    expect(await emulator.invoke('Single', { do: 'echo' })).toEqual({ did: 'throttled' });
    expect(await first).toMatchObject({ did: 'answered' });
    expect(emulator.stats().functions['Single']).toMatchObject({
      invocations: 1,
      throttles: 1,
      peakBusy: 1,
    });
  });

  it('of all others shares what the account has left', async () => {
    const small = await startEmulator({
      assembly: writeAssembly({ Resources: { ...ROLE, Behave: lambda('behave') } }),
      accountConcurrency: 2,
    });
    const results = await Promise.all(
      [1, 2, 3].map(() => small.invoke('Behave', { do: 'sleep', ms: 200 })),
    );
    expect(results.filter(({ did }) => did === 'throttled')).toHaveLength(1);
    await small.close();
  });

  it('cannot reserve what must stay unreserved', async () => {
    const assembly = writeAssembly({
      Resources: { ...ROLE, A: lambda('behave', { ReservedConcurrentExecutions: 5 }) },
    });
    await expect(startEmulator({ assembly, accountConcurrency: 10 })).rejects.toThrow(
      "reserves 5 concurrent executions of an account's 10; 100 must stay unreserved",
    );
  });
});

it('names the functions that there are', async () => {
  await expect(emulator.invoke('Nobody', {})).rejects.toThrow(
    'The stack has no function Nobody; it has: Behave, Short, Small, Single, Broken.',
  );
});
