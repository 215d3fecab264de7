import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  paginateQuery,
  type QueryCommandInput,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Change, RecordKey, StoredRecord } from '../../core/change.ts';
import { SluiceError } from '../../core/errors.ts';
import { liveKey } from '../../core/keys.ts';
import type { ChangeAnswer, CheckpointStore } from '../../ports/checkpoint-store.ts';
import { asking, awsError } from './errors.ts';
import { compileChange, PARTITION, SORT, toRecord } from './expressions.ts';
import { checkChange, checkKey, placeOf } from './record-check.ts';

export interface AwsCheckpointStoreOptions {
  client: DynamoDBClient;
  /** Its keys are `pk` and `sk`, both texts. */
  table: string;
}

/** Deletes at once. More would only be throttled: a batch is one partition, which takes 1,000 write units a second. */
const DELETES_AT_ONCE = 8;

type Item = Record<string, AttributeValue>;

/**
 * Records in one DynamoDB table. Every write is one conditional UpdateItem, every read is consistent; no transaction,
 * no scan, no batch write (which has no conditions). All methods throw a SluiceError `STORE` that names the record.
 */
export function awsCheckpointStore(options: AwsCheckpointStoreOptions): CheckpointStore {
  const { client, table } = options;
  return {
    async read(key) {
      checkKey(key);
      const { Item: item } = await asking(`cannot read record ${placeOf(key)} of ${table}`, () =>
        client.send(
          new GetItemCommand({ TableName: table, Key: toKey(key), ConsistentRead: true }),
        ),
      );
      return item && recordOf(item);
    },
    async query(batch, from, to) {
      const condition = spanOf(batch, from, to);
      if (condition === undefined) return [];
      const rows: { sort: string; record: StoredRecord }[] = [];
      for await (const items of pages(options, condition, batch)) {
        for (const item of items) rows.push({ sort: item[SORT]?.S ?? '', record: recordOf(item) });
      }
      return rows;
    },
    change: (key, change) => applyChange(options, key, change),
    async forget(batch) {
      const all = spanOf(batch, '', '\u{10ffff}');
      if (all === undefined) return;
      const keysOnly = { ...all, ProjectionExpression: '#pk, #sk' };
      for await (const items of pages(options, keysOnly, batch)) await deleteAll(options, items);
      // Last: a purge that is cut short leaves the batch in the list, and can be asked for again.
      await deleteAll(options, [toKey(liveKey(batch))]);
    },
  };
}

async function applyChange(
  { client, table }: AwsCheckpointStoreOptions,
  key: RecordKey,
  change: Change,
): Promise<ChangeAnswer> {
  checkChange(key, change);
  const command = new UpdateItemCommand({
    TableName: table,
    Key: toKey(key),
    ReturnValues: 'ALL_NEW',
    ...compileChange(change),
  });
  try {
    const { Attributes: item = {}, $metadata: metadata } = await client.send(command);
    return { applied: true, record: recordOf(item), retried: wasRetried(metadata) };
  } catch (fault) {
    if (fault instanceof ConditionalCheckFailedException) {
      return { applied: false, record: undefined, retried: wasRetried(fault.$metadata) };
    }
    throw awsError(fault, `cannot change record ${placeOf(key)} of ${table}`);
  }
}

/**
 * PROTOCOL holes 4 and 9: the SDK repeats a try that got no answer, and the repeat may be refused by the first one's
 * own effect. A try that was answered with a throttle counts too; that costs a message twice, which is harmless.
 */
const wasRetried = ({ attempts = 1 }: { attempts?: number | undefined }): boolean => attempts > 1;

const toKey = ({ batch, sort }: RecordKey): Item => ({
  [PARTITION]: { S: batch },
  [SORT]: { S: sort },
});

type Condition = Pick<
  QueryCommandInput,
  'KeyConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
>;

/**
 * Undefined for a span that holds nothing: BETWEEN refuses one whose end lies before its start. A key condition
 * takes no empty text, so a span from '' on has an upper bound only.
 */
function spanOf(batch: string, from: string, to: string): Condition | undefined {
  if (batch === '' || to === '' || Buffer.compare(Buffer.from(from), Buffer.from(to)) > 0) {
    return undefined;
  }
  const lower = from === '' ? {} : { ':from': { S: from } };
  return {
    KeyConditionExpression: `#pk = :batch AND ${from === '' ? '#sk <= :to' : '#sk BETWEEN :from AND :to'}`,
    ExpressionAttributeNames: { '#pk': PARTITION, '#sk': SORT },
    ExpressionAttributeValues: { ':batch': { S: batch }, ':to': { S: to }, ...lower },
  };
}

/** Pages of at most 1 MB of items, consistent. */
async function* pages(
  { client, table }: AwsCheckpointStoreOptions,
  condition: Condition,
  batch: string,
): AsyncGenerator<Item[]> {
  const query = { TableName: table, ConsistentRead: true, ...condition };
  try {
    for await (const { Items: items = [] } of paginateQuery({ client }, query)) yield items;
  } catch (fault) {
    throw awsError(fault, `cannot query the records of ${batch} in ${table}`);
  }
}

async function deleteAll(
  { client, table }: AwsCheckpointStoreOptions,
  keys: readonly Item[],
): Promise<void> {
  for (let at = 0; at < keys.length; at += DELETES_AT_ONCE) {
    await Promise.all(
      keys
        .slice(at, at + DELETES_AT_ONCE)
        .map((key) =>
          asking(`cannot delete record ${key[PARTITION]?.S} ${key[SORT]?.S} of ${table}`, () =>
            client.send(new DeleteItemCommand({ TableName: table, Key: key })),
          ),
        ),
    );
  }
}

function recordOf(item: Item): StoredRecord {
  const record = toRecord(item);
  if (record) return record;
  throw new SluiceError(
    'DAMAGED',
    `record ${item[PARTITION]?.S} ${item[SORT]?.S} holds an attribute that is neither text nor number`,
    { hint: 'sluice did not write it: restore the table to a point before (PITR)' },
  );
}
