import { afterAll, expect, test } from 'vitest';
import { awsCheckpointStore } from '../../../lib/adapters/aws/checkpoint-store.ts';
import { awsClients } from '../../../lib/adapters/aws/clients.ts';
import { testCheckpointStore } from '../../contract/checkpoint-store.ts';
import { dynamoLocalMissing, startDynamoLocal } from '../../support/dynamo-local.ts';
import { createTable, TEST_ACCOUNT, useEnvironment } from '../../support/emulators.ts';
import { print, probeDynamo } from './probes.ts';

const missing =
  process.env['SLUICE_FULL'] === undefined
    ? 'needs SLUICE_FULL=1 (npm run test:full)'
    : dynamoLocalMissing();

async function start() {
  const local = await startDynamoLocal();
  await createTable(local.endpoint, 'sluice');
  useEnvironment({ ...TEST_ACCOUNT, AWS_ENDPOINT_URL_DYNAMODB: local.endpoint });
  const clients = awsClients();
  const end = async (): Promise<void> => {
    clients.close();
    await local.close();
  };
  return { clients, end };
}

if (missing === undefined) {
  // Here and not in a hook: on a busy machine Java took more than the 10 s a hook has.
  const { clients, end } = await start();
  const store = awsCheckpointStore({ client: clients.dynamo, table: 'sluice' });
  testCheckpointStore('aws on DynamoDB Local', async () => ({ store }));

  test('DynamoDB Local proves what the other emulator ignores', async () => {
    const rows = await probeDynamo(clients.dynamo);
    print('DynamoDB Local', rows);
    expect(Object.entries(rows).filter(([, proved]) => !proved)).toEqual([]);
  });

  afterAll(end);
} else {
  test.skip(`skipped: the checkpoint suite on DynamoDB Local ${missing}`, () => undefined);
}
