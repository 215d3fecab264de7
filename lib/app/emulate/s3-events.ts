import { randomUUID } from 'node:crypto';
import type { CreatedObject } from './backends.ts';
import { ACCOUNT, REGION } from './names.ts';

let sequence = 0;

/**
 * A hexadecimal text that grows with every event (AmazonS3/latest/userguide/notification-content-structure):
 * seconds, then a count, so that two writes of one second are ordered too.
 */
export function nextSequencer(nowMs: number): string {
  sequence += 1;
  const seconds = Math.floor(nowMs / 1000);
  return `00${hex(seconds, 8)}${hex(sequence, 8)}`;
}

const hex = (value: number, digits: number): string =>
  value.toString(16).toUpperCase().padStart(digits, '0');

/** A key as S3 writes it into a notification: URL-encoded, with + for a blank and / kept. */
export const encodeKey = (key: string): string =>
  encodeURIComponent(key)
    .replaceAll(/[!'()~]/g, (char) => `%${hex(char.charCodeAt(0), 2)}`)
    .replaceAll('%20', '+')
    .replaceAll('%2F', '/');

export interface EventContext {
  nowMs: number;
  sequencer: string;
  /** Id of the bucket's notification configuration. */
  configuration: string;
}

/**
 * What a queue or function gets for a new object (notification-content-structure, version 2.1, which all
 * general events had until 2.4). No versionId: the emulated S3 keeps no versions.
 */
export function s3Notification(object: CreatedObject, context: EventContext): object {
  const { bucket, key, bytes, etag, how } = object;
  const owner = { principalId: 'EMULATED' };
  return {
    Records: [
      {
        eventVersion: '2.1',
        eventSource: 'aws:s3',
        awsRegion: REGION,
        eventTime: new Date(context.nowMs).toISOString(),
        eventName: `ObjectCreated:${how}`,
        userIdentity: owner,
        requestParameters: { sourceIPAddress: '127.0.0.1' },
        responseElements: { 'x-amz-request-id': requestId(), 'x-amz-id-2': 'emulated' },
        s3: {
          s3SchemaVersion: '1.0',
          configurationId: context.configuration,
          bucket: { name: bucket, ownerIdentity: owner, arn: `arn:aws:s3:::${bucket}` },
          object: { key: encodeKey(key), size: bytes, eTag: etag, sequencer: context.sequencer },
        },
      },
    ],
  };
}

/** What S3 sends to a queue when it is made a destination: no Records in it. */
export const s3TestEvent = (bucket: string, nowMs: number): object => ({
  Service: 'Amazon S3',
  Event: 's3:TestEvent',
  Time: new Date(nowMs).toISOString(),
  Bucket: bucket,
  RequestId: requestId(),
  HostId: 'emulated',
});

const REASON: Readonly<Record<CreatedObject['how'], string>> = {
  Put: 'PutObject',
  Post: 'POST Object',
  Copy: 'CopyObject',
  CompleteMultipartUpload: 'CompleteMultipartUpload',
};

/** The same for EventBridge (AmazonS3/latest/userguide/ev-events): its keys are not encoded. */
export function objectCreatedEvent(object: CreatedObject, context: EventContext): object {
  const { bucket, key, bytes, etag, how } = object;
  return {
    ...envelope('aws.s3', 'Object Created', context.nowMs),
    resources: [`arn:aws:s3:::${bucket}`],
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: { key, size: bytes, etag, sequencer: context.sequencer },
      'request-id': requestId(),
      requester: ACCOUNT,
      'source-ip-address': '127.0.0.1',
      reason: REASON[how],
    },
  };
}

/** What a scheduled rule sends (eventbridge/latest/userguide: Scheduled Event). */
export const scheduledEvent = (rule: string, nowMs: number): object => ({
  ...envelope('aws.events', 'Scheduled Event', nowMs),
  resources: [`arn:aws:events:${REGION}:${ACCOUNT}:rule/${rule}`],
  detail: {},
});

const envelope = (source: string, type: string, nowMs: number): object => ({
  version: '0',
  id: randomUUID(),
  'detail-type': type,
  source,
  account: ACCOUNT,
  time: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
  region: REGION,
});

const requestId = (): string => randomUUID().replaceAll('-', '').slice(0, 16).toUpperCase();
