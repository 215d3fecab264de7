/**
 * What the emulators do not do, asked of them at every run: a row that they silently ignore proves nothing about the
 * adapters. Nothing in lib/ needs one of these; a suite that comes to need one finds out here.
 */
import {
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

export type Rows = Readonly<Record<string, boolean>>;

/** One line a backend: what a run on it proves, and what it cannot. */
export function print(backend: string, rows: Rows): void {
  const those = (kept: boolean): string =>
    Object.keys(rows)
      .filter((row) => rows[row] === kept)
      .join(', ') || 'nothing';
  process.stderr.write(`${backend} proves: ${those(true)}; ignores: ${those(false)}\n`);
}

/** Whether a call was refused with an error of this name; another error is thrown. */
export async function refuses(call: Promise<unknown>, name: string): Promise<boolean> {
  try {
    await call;
    return false;
  } catch (fault) {
    const { name: found, $metadata: metadata } = fault as {
      name: string;
      $metadata?: { httpStatusCode?: number };
    };
    if (found === name || metadata?.httpStatusCode === 412) return true;
    if (found === 'UnknownOperationException') return false;
    throw fault;
  }
}

/** Writes to the table `sluice`. */
export async function probeDynamo(client: DynamoDBClient): Promise<Rows> {
  const TableName = 'sluice';
  const Key = { pk: { S: 'probe' }, sk: { S: 'B' } };
  const refused = new UpdateItemCommand({
    TableName,
    Key,
    UpdateExpression: 'SET #a = :a',
    ConditionExpression: 'attribute_not_exists(#a)',
    ExpressionAttributeNames: { '#a': 'a' },
    ExpressionAttributeValues: { ':a': { N: '1' } },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
  await client.send(new PutItemCommand({ TableName, Item: { ...Key, a: { N: '1' } } }));
  const fault = await client
    .send(refused)
    .catch((thrown: { name: string; Item?: object }) => thrown);
  const Put = { TableName, Item: Key, ConditionExpression: 'attribute_not_exists(pk)' };
  const rows = {
    'conditional updates': 'name' in fault && fault.name === 'ConditionalCheckFailedException',
    'reserved words refused': await refuses(
      client.send(
        new DeleteItemCommand({ TableName, Key, ConditionExpression: 'status = status' }),
      ),
      'ValidationException',
    ),
    'empty texts in keys refused': await refuses(
      client.send(new PutItemCommand({ TableName, Item: { ...Key, sk: { S: '' } } })),
      'ValidationException',
    ),
    'the old item of a refused change': 'Item' in fault && fault.Item !== undefined,
    transactions: await refuses(
      client.send(new TransactWriteItemsCommand({ TransactItems: [{ Put }] })),
      'TransactionCanceledException',
    ),
  };
  return rows;
}
