import {
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, it } from 'vitest';
import { parseChaos } from '../../../lib/app/emulate/chaos.ts';
import { clientOptions } from '../../../lib/app/emulate/create.ts';
import {
  type Emulator,
  type EmulatorOptions,
  startEmulator,
} from '../../../lib/app/emulate/emulator.ts';
import { lambda, mapping, queue, ROLE, until, writeAssembly } from './tiny-stack.ts';

interface Setting {
  maxConcurrency?: number;
  reserved?: number;
  visibility?: number;
  maxReceives?: number;
  mapping?: Record<string, number>;
  timeout?: number;
}

let emulator: Emulator;
let sqs: SQSClient;

async function start(setting: Setting, options: Partial<EmulatorOptions> = {}): Promise<void> {
  const { maxConcurrency, reserved, visibility = 2, maxReceives = 3, timeout = 1 } = setting;
  emulator = await startEmulator({
    assembly: writeAssembly({
      Resources: {
        ...ROLE,
        Work: queue({
          VisibilityTimeout: visibility,
          RedrivePolicy: {
            deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] },
            maxReceiveCount: maxReceives,
          },
        }),
        Dead: queue(),
        Behave: lambda('behave', {
          Timeout: timeout,
          ...(reserved === undefined ? {} : { ReservedConcurrentExecutions: reserved }),
        }),
        Mapping: mapping('Work', 'Behave', {
          ...(maxConcurrency === undefined
            ? {}
            : { ScalingConfig: { MaximumConcurrency: maxConcurrency } }),
          ...setting.mapping,
        }),
      },
      Outputs: { Work: { Value: { Ref: 'Work' } }, Dead: { Value: { Ref: 'Dead' } } },
    }),
    onFault(error) {
      throw error;
    },
    ...options,
  });
  sqs = new SQSClient(clientOptions(emulator.endpoint, 'outside'));
}

afterEach(async () => {
  sqs.destroy();
  await emulator.close();
});

async function send(bodies: object[]): Promise<void> {
  const QueueUrl = emulator.outputs['Work'];
  for (let at = 0; at < bodies.length; at += 10) {
    const Entries = bodies
      .slice(at, at + 10)
      .map((body, place) => ({ Id: String(place), MessageBody: JSON.stringify(body) }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  }
}

async function depth(name: string): Promise<{ visible: number; inFlight: number }> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: emulator.outputs[name], AttributeNames: ['All'] }),
  );
  return {
    visible: Number(Attributes['ApproximateNumberOfMessages']),
    inFlight: Number(Attributes['ApproximateNumberOfMessagesNotVisible']),
  };
}

const stats = () => emulator.stats().mappings['Mapping'];
const nTimes = (n: number, body: object): object[] => Array.from({ length: n }, () => body);

describe('an event source mapping', () => {
  it('never has more at once than its maximum concurrency, and uses all of it', async () => {
    await start({ maxConcurrency: 3, visibility: 20 });
    await send(nTimes(12, { do: 'sleep', ms: 150 }));
    await until(() => stats()?.deleted === 12);
    const { functions, mappings } = emulator.stats();
    expect(functions['Behave']).toMatchObject({ peakBusy: 3, throttles: 0, invocations: 12 });
    expect(mappings['Mapping']).toMatchObject({ received: 12, returned: 0, dropped: 0 });
    expect(await depth('Work')).toEqual({ visible: 0, inFlight: 0 });
  });

  it('deletes nothing after an error: the message comes back, then goes to the dead letters', async () => {
    await start({ maxConcurrency: 2, visibility: 1, maxReceives: 2 });
    await send([{ do: 'throw', value: 'poison' }, { do: 'echo' }]);
    await until(async () => (await depth('Dead')).visible === 1);
    expect(stats()).toMatchObject({ deleted: 1, returned: 2, received: 3 });
    expect(emulator.stats().functions['Behave']).toMatchObject({ errors: 2 });
  });

  it('returns only what a partial answer names', async () => {
    await start({ maxConcurrency: 2, visibility: 1, maxReceives: 1, mapping: { BatchSize: 10 } });
    await send([{ do: 'fail' }, ...nTimes(4, { do: 'echo' })]);
    await until(async () => (await depth('Dead')).visible === 1);
    expect(stats()).toMatchObject({ deleted: 4, returned: 1 });
  });

  it('gathers records for its batching window', async () => {
    await start({
      maxConcurrency: 2,
      visibility: 20,
      mapping: { BatchSize: 25, MaximumBatchingWindowInSeconds: 1 },
    });
    await send(nTimes(50, { do: 'echo' }));
    await until(() => stats()?.deleted === 50);
    expect(emulator.stats().functions['Behave']?.invocations).toBeLessThanOrEqual(4);
  });

  it('takes its slot before it receives: a cap of two leaves the rest visible', async () => {
    await start({ maxConcurrency: 2, visibility: 20 });
    await send(nTimes(8, { do: 'sleep', ms: 400 }));
    await until(() => emulator.stats().functions['Behave']?.busy === 2);
    expect(await depth('Work')).toEqual({ visible: 6, inFlight: 2 });
  });

  it('without a maximum, burns receives when reserved concurrency throttles it', async () => {
    await start({ reserved: 1, visibility: 1, maxReceives: 2 });
    await send(nTimes(12, { do: 'sleep', ms: 500 }));
    await until(async () => (await depth('Dead')).visible > 0, 15_000);
    expect(stats()?.throttles).toBeGreaterThan(0);
    expect(stats()?.dropped).toBeGreaterThan(0);
    // Good messages were lost to the dead letters without one run of the handler.
    expect(emulator.stats().functions['Behave']).toMatchObject({
      errors: 0,
      timeouts: 0,
      peakBusy: 1,
    });
  });

  it('kills at the time-out, and the message comes back in a fresh environment', async () => {
    await start({ maxConcurrency: 2, visibility: 1, maxReceives: 2 });
    await send([{ do: 'loop' }]);
    await until(() => emulator.stats().functions['Behave']?.timeouts === 2);
    await until(async () => (await depth('Dead')).visible === 1);
    expect(emulator.stats().functions['Behave']).toMatchObject({ timeouts: 2, cold: 2 });
  });
});

describe('chaos', () => {
  it('delivers twice, throttles and kills, and says how often', async () => {
    const chaos = parseChaos('duplicate=0.3,throttle=0.2,kill=0.2,seed=7');
    await start({ maxConcurrency: 4, visibility: 1, maxReceives: 100 }, { chaos });
    await send(nTimes(24, { do: 'sleep', ms: 30 }));
    await until(() => (stats()?.deleted ?? 0) >= 24, 20_000);
    await until(async () => {
      const { visible, inFlight } = await depth('Work');
      return visible + inFlight === 0;
    }, 20_000);
    const { chaos: done, functions } = emulator.stats();
    expect(done.duplicate).toBeGreaterThan(0);
    expect(done.throttle).toBeGreaterThan(0);
    expect(done.kill).toBeGreaterThan(0);
    expect(functions['Behave']).toMatchObject({ chaosKills: done.kill });
    expect(functions['Behave']?.invocations).toBeGreaterThanOrEqual(24 + done.kill);
    expect(functions['Behave']?.peakBusy).toBeLessThanOrEqual(4);
  });
});

describe('speed', () => {
  it('divides visibility, time-outs and delays, visibility never below a second', async () => {
    await start({ maxConcurrency: 2, visibility: 60, timeout: 10 }, { speed: 10 });
    const { queues, functions } = emulator.specs;
    expect(queues.find(({ logicalId }) => logicalId === 'Work')?.visibilityMs).toBe(6000);
    expect(queues.find(({ logicalId }) => logicalId === 'Dead')?.visibilityMs).toBe(3000);
    expect(functions[0]?.timeoutMs).toBe(1000);
    const began = performance.now();
    await send([{ do: 'sleep', ms: 60_000 }]);
    await until(() => emulator.stats().functions['Behave']?.timeouts === 1);
    expect(performance.now() - began).toBeLessThan(4000);
  });
});

describe('a queue', () => {
  it('answers under the URL of its Ref, and tells that URL', async () => {
    await start({ maxConcurrency: 2 });
    const QueueUrl = emulator.outputs['Dead'] ?? '';
    expect(QueueUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/000000000000\/Tiny-Dead-/);
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }));
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    expect(Messages?.[0]?.Body).toBe('x');
    await sqs.send(new PurgeQueueCommand({ QueueUrl }));
    // The SDK's own configuration, as a function has it: nothing but the environment.
    const { requests } = emulator.stats().traffic['outside'] ?? {};
    expect(requests).toMatchObject({ 'sqs.SendMessage': 1, 'sqs.ReceiveMessage': 1 });
  });
});
