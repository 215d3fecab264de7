import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { type AwsClients, awsClients } from '../../../lib/adapters/aws/clients.ts';
import {
  type EmulatorOptions,
  type Emulators,
  startEmulators,
  useEnvironment,
} from '../../support/emulators.ts';

export interface AwsUnderTest {
  emulators: Emulators;
  clients: AwsClients;
  /** Other clients, under these variables beside the emulators' own, until the next ones are made. */
  clientsWith(
    env: Readonly<Record<string, string>>,
    options?: Parameters<typeof awsClients>[0],
  ): AwsClients;
  end(): Promise<void>;
}

/**
 * Emulators, and clients that find them by the SDK's own variables, as those of the functions do. The SDK reads
 * these at a client's first call, not when the client is made.
 */
export async function withEmulators(options: EmulatorOptions = {}): Promise<AwsUnderTest> {
  const emulators = await startEmulators(options);
  const restore = useEnvironment(emulators.env);
  const clients = awsClients();
  await clients.s3.send(new ListBucketsCommand({}));
  await clients.sqs.send(new ListQueuesCommand({}));
  await clients.dynamo.send(new ListTablesCommand({}));
  const all = [clients];
  return {
    emulators,
    clients,
    clientsWith(env, options) {
      useEnvironment({ ...emulators.env, ...env });
      const made = awsClients(options);
      all.push(made);
      return made;
    },
    async end() {
      for (const one of all) one.close();
      restore();
      await emulators.close();
    },
  };
}
