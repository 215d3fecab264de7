import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CreatedObject } from '../../../lib/app/emulate/backends.ts';
import { type ChaosKind, newChaos, parseChaos } from '../../../lib/app/emulate/chaos.ts';
import { type Route, routesOf, routeTakes } from '../../../lib/app/emulate/deliveries.ts';
import { sharedConcurrency } from '../../../lib/app/emulate/limits.ts';
import { readPartialAnswer } from '../../../lib/app/emulate/partial-answer.ts';
import {
  encodeKey,
  nextSequencer,
  objectCreatedEvent,
  s3Notification,
} from '../../../lib/app/emulate/s3-events.ts';
import { operationOf, signerOf } from '../../../lib/app/emulate/traffic.ts';

describe('an answer to records', () => {
  const ids = ['a', 'b', 'c'];
  it.each([
    ['null'],
    ['{}'],
    ['[]'],
    ['{"batchItemFailures":[]}'],
    ['{"batchItemFailures":null}'],
    ['{"other":1}'],
  ])('%s is success of all', (answer) => {
    expect(readPartialAnswer(answer, ids)).toBe('all');
  });

  it.each([
    ['no JSON'],
    [''],
    ['"text"'],
    ['17'],
    ['[1]'],
    ['{"batchItemFailures":"a"}'],
    ['{"batchItemFailures":{"itemIdentifier":"a"}}'],
    ['{"batchItemFailures":[{"itemIdentifier":""}]}'],
    ['{"batchItemFailures":[{"itemIdentifier":null}]}'],
    ['{"batchItemFailures":[{"itemId":"a"}]}'],
    ['{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"x"}]}'],
    ['{"batchItemFailures":[null]}'],
    ['{"batchItemFailures":["a"]}'],
  ])('%s is failure of all', (answer) => {
    expect(readPartialAnswer(answer, ids)).toBe('none');
  });

  it('names the records that failed, and only those', () => {
    fc.assert(
      fc.property(fc.subarray(ids, { minLength: 1 }), (failed) => {
        const list = failed.map((itemIdentifier) => ({ itemIdentifier }));
        const answer = JSON.stringify({ batchItemFailures: [...list, ...list] });
        expect(readPartialAnswer(answer, ids)).toEqual({ failed: new Set(failed) });
      }),
    );
  });
});

describe('the event of an upload', () => {
  const object: CreatedObject = {
    bucket: 'b',
    key: 'inbox/odds/a b+ü.csv',
    bytes: 3,
    etag: 'e-2',
    how: 'CompleteMultipartUpload',
  };
  const context = { nowMs: 1_700_000_000_123, sequencer: '00AB', configuration: 'c' };

  it('has the shape of S3, its key encoded', () => {
    expect(s3Notification(object, context)).toMatchObject({
      Records: [
        {
          eventSource: 'aws:s3',
          eventName: 'ObjectCreated:CompleteMultipartUpload',
          eventTime: '2023-11-14T22:13:20.123Z',
          s3: {
            configurationId: 'c',
            bucket: { name: 'b', arn: 'arn:aws:s3:::b' },
            object: { key: 'inbox/odds/a+b%2B%C3%BC.csv', size: 3, eTag: 'e-2', sequencer: '00AB' },
          },
        },
      ],
    });
  });

  it('has the shape of EventBridge, its key as it is', () => {
    expect(objectCreatedEvent(object, context)).toMatchObject({
      'detail-type': 'Object Created',
      source: 'aws.s3',
      time: '2023-11-14T22:13:20Z',
      detail: {
        bucket: { name: 'b' },
        object: { key: 'inbox/odds/a b+ü.csv', size: 3, etag: 'e-2' },
        reason: 'CompleteMultipartUpload',
      },
    });
  });

  it('gives any key back to a form decoder', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (key) => {
        const encoded = encodeKey(key);
        expect(encoded).toMatch(/^[\w.*%+/-]*$/);
        expect(decodeURIComponent(encoded.replaceAll('+', ' '))).toBe(key);
        expect(encoded.split('/')).toHaveLength(key.split('/').length);
      }),
    );
  });

  it('has a sequencer that grows', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 2 }), (waits) => {
        let nowMs = Date.now();
        const all = waits.map((wait) => {
          nowMs += wait;
          return nextSequencer(nowMs);
        });
        expect([...all].sort()).toEqual(all);
        expect(new Set(all).size).toBe(all.length);
      }),
    );
  });

  const own = (entry: object): Route[] =>
    routesOf(
      [{ logicalId: 'B', name: 'b', notifications: { QueueConfigurations: [entry] as never } }],
      [],
    );

  it.each([
    [{ Event: 's3:ObjectCreated:*' }, true],
    [{ Event: 's3:ObjectCreated:CompleteMultipartUpload' }, true],
    [{ Event: 's3:ObjectCreated:Put' }, false],
    [filtered(['prefix', 'inbox/']), true],
    [filtered(['prefix', 'outbox/']), false],
    [filtered(['Prefix', 'inbox/'], ['Suffix', '.csv']), true],
    [filtered(['prefix', 'inbox/'], ['suffix', '.json']), false],
  ])('goes by the filter %j: %s', (entry, taken) => {
    const [route] = own({ Queue: 'arn:aws:sqs:::q', ...entry });
    expect(routeTakes(route as Route, object)).toBe(taken);
  });

  it('of a kind that is not delivered is an error', () => {
    expect(() => own({ Event: 's3:ObjectRemoved:*', Queue: 'q' })).toThrow(
      'Bucket B notifies by s3:ObjectRemoved:*',
    );
    const notifications = { TopicConfigurations: [] };
    expect(() => routesOf([{ logicalId: 'B', name: 'b', notifications }], [])).toThrow(
      'Bucket B notifies by TopicConfigurations',
    );
  });

  it('goes to rules only where the bucket sends to EventBridge', () => {
    const rule = {
      logicalId: 'R',
      everyMs: undefined,
      created: { buckets: ['b'], keys: [{ prefix: 'outbox/' }, { suffix: '.csv' }] },
      targets: [{ arn: 'arn:aws:sqs:::q', input: undefined }],
    };
    const bucket = { logicalId: 'B', name: 'b', notifications: {} };
    expect(routesOf([bucket], [rule])).toEqual([]);
    const notifications = { EventBridgeConfiguration: { EventBridgeEnabled: true } };
    const [route] = routesOf([{ ...bucket, notifications }], [rule]);
    // One entry of the list is enough.
    expect(routeTakes(route as Route, object)).toBe(true);
    expect(routeTakes(route as Route, { ...object, key: 'x' })).toBe(false);
  });
});

function filtered(...rules: [string, string][]): object {
  const Rules = rules.map(([Name, Value]) => ({ Name, Value }));
  return { Event: 's3:ObjectCreated:*', Filter: { S3Key: { Rules } } };
}

describe('chaos', () => {
  it('is read from its flag', () => {
    expect(parseChaos('duplicate=0.1, throttle=0.05,kill=0.02,seed=7')).toEqual({
      duplicate: 0.1,
      throttle: 0.05,
      kill: 0.02,
      lose: 0,
      reorder: 0,
      skew: 0,
      seed: 7,
    });
  });

  it('puts the clock of each environment off by an amount of its own, within the skew', () => {
    const offsets = (text: string): number[] => {
      const chaos = newChaos(parseChaos(text));
      return Array.from({ length: 100 }, () => chaos.clockOffsetMs());
    };
    const some = offsets('skew=500,seed=3');
    expect(offsets('kill=0.5,skew=500,seed=3')).toEqual(some);
    expect(Math.max(...some.map(Math.abs))).toBeLessThanOrEqual(500);
    expect([Math.min(...some) < -300, Math.max(...some) > 300]).toEqual([true, true]);
    expect(new Set(offsets('seed=3').map(Math.abs))).toEqual(new Set([0]));
  });

  it.each([
    [
      'explode=1',
      "--chaos has no 'explode'; it knows: duplicate, throttle, kill, lose, reorder, skew, seed.",
    ],
    ['kill=2', "--chaos kill must be a share from 0 to 1; got '2'."],
    ['kill', "--chaos kill must be a share from 0 to 1; got ''."],
    ['skew=1.5', "--chaos skew must be whole milliseconds from 0 to 60000; got '1.5'."],
    ['seed=1.5', "--chaos seed must be a whole number; got '1.5'."],
  ])('%s is refused', (text, message) => {
    expect(() => parseChaos(text)).toThrow(message);
  });

  it('is the same for the same seed, each kind by itself', () => {
    const draws = (text: string, kind: ChaosKind): boolean[] => {
      const chaos = newChaos(parseChaos(text));
      return Array.from({ length: 200 }, () => chaos.draw(kind));
    };
    const alone = draws('kill=0.3,seed=4', 'kill');
    expect(draws('kill=0.3,throttle=0.9,seed=4', 'kill')).toEqual(alone);
    expect(draws('kill=0.3,seed=5', 'kill')).not.toEqual(alone);
    expect(draws('seed=4', 'kill')).not.toContain(true);
    const hits = alone.filter(Boolean).length;
    expect(hits).toBeGreaterThan(30);
    expect(hits).toBeLessThan(90);
  });
});

describe('a request', () => {
  it.each([
    ['PUT', '/b/k?x-id=PutObject', 's3.PutObject'],
    ['PUT', '/b/k/l?partNumber=1&uploadId=u', 's3.UploadPart'],
    ['POST', '/b/k?uploads=', 's3.CreateMultipartUpload'],
    ['POST', '/b/k?uploadId=u', 's3.CompleteMultipartUpload'],
    ['DELETE', '/b/k?uploadId=u', 's3.AbortMultipartUpload'],
    ['DELETE', '/b/k', 's3.DeleteObject'],
    ['HEAD', '/b/k', 's3.HeadObject'],
    ['GET', '/b/k', 's3.GetObject'],
    ['GET', '/b/?list-type=2', 's3.ListObjectsV2'],
    ['GET', '/b?list-type=2', 's3.ListObjectsV2'],
    ['POST', '/b?delete', 's3.DeleteObjects'],
    ['PUT', '/b/', 's3.CreateBucket'],
  ])('%s %s is %s', (method, url, operation) => {
    expect(operationOf({ method, url, target: undefined, service: 's3' })).toBe(operation);
  });

  it('is told by its signature', () => {
    const header = 'AWS4-HMAC-SHA256 Credential=Worker/20261122/us-east-1/sqs/aws4_request, Signed';
    expect(signerOf(header)).toEqual({ caller: 'Worker', service: 'sqs' });
    expect(signerOf(undefined)).toEqual({ caller: 'outside', service: '' });
    const target = 'AmazonSQS.SendMessage';
    expect(operationOf({ method: 'POST', url: '/', target, service: 'sqs' })).toBe(
      'sqs.SendMessage',
    );
  });
});

it('shares what is not reserved', () => {
  const shared = sharedConcurrency([{ reserved: 898 }, { reserved: undefined }], 1000);
  const taken = Array.from({ length: 103 }, () => shared.take());
  expect(taken.filter((release) => release === undefined)).toHaveLength(1);
  taken[0]?.();
  expect(shared.take()).toBeDefined();
  expect(() => sharedConcurrency([{ reserved: 901 }], 1000)).toThrow('reserves 901');
});
