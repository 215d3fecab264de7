import { setTimeout as sleep } from 'node:timers/promises';
import { awsWorkQueue } from '../../../lib/adapters/aws/work-queue.ts';
import { QUEUES, testWorkQueue } from '../../contract/work-queue.ts';
import { withEmulators } from './with-emulators.ts';

testWorkQueue(
  'aws on fauxqs',
  async () => {
    const { emulators, clients, end } = await withEmulators();
    const urls: Record<string, string> = {};
    for (const name of QUEUES) urls[name] = await emulators.createQueue(name);
    const queue = awsWorkQueue({ client: clients.sqs, urls });
    return { queue, pass: (ms: number) => sleep(ms), end };
  },
  // SQS counts whole seconds: 100 ms become 0.4 s, rounded up to 1 s, and 300 ms become 1.2 s.
  { concurrent: true, stretch: 4 },
);
