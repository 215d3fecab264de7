import { Logger } from '@aws-lambda-powertools/logger';
import { awsCheckpointStore } from '../../../lib/adapters/aws/checkpoint-store.ts';
import { awsLogger } from '../../../lib/adapters/aws/logger.ts';
import { awsObjectStore } from '../../../lib/adapters/aws/object-store.ts';
import { testCheckpointStore } from '../../contract/checkpoint-store.ts';
import { testLogger } from '../../contract/logger.ts';
import { testObjectStore } from '../../contract/object-store.ts';
import { withEmulators } from './with-emulators.ts';

testCheckpointStore('aws on dynalite', async () => {
  const { emulators, clients, end } = await withEmulators();
  await emulators.createTable('sluice');
  return { store: awsCheckpointStore({ client: clients.dynamo, table: 'sluice' }), end };
});

testObjectStore('aws on fauxqs', async () => {
  const { emulators, clients, end } = await withEmulators();
  await emulators.createBucket('reports');
  return { store: awsObjectStore({ client: clients.s3, bucket: 'reports' }), end };
});

testLogger('aws', async () => {
  const written: string[] = [];
  const streams = [process.stdout, process.stderr];
  const before = streams.map((stream) => stream.write);
  for (const [i, stream] of streams.entries()) {
    const write = before[i]?.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = ((text: unknown, ...rest: unknown[]) => {
      if (!String(text).startsWith('{"level"')) return write(text, ...rest);
      written.push(String(text));
      return true;
    }) as typeof stream.write;
  }
  return {
    logger: awsLogger(new Logger({ serviceName: 'test', logLevel: 'INFO' })),
    async lines() {
      return written.map((line) => {
        const { level, message, timestamp, service, sampling_rate, ...fields } = JSON.parse(
          line,
        ) as Record<string, unknown>;
        return { level: String(level).toLowerCase(), message: String(message), fields };
      });
    },
    async end() {
      for (const [i, stream] of streams.entries()) Object.assign(stream, { write: before[i] });
    },
  };
});
