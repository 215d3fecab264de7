import type { Message } from '../../ports/work-queue.ts';

/** An object that came under `inbox/<job>/`. */
export interface Upload {
  bucket: string;
  /** Decoded. */
  key: string;
  /** The first folder below `inbox/`. */
  job: string;
  etag: string | undefined;
  versionId: string | undefined;
}

/** One thing that a message in the orchestrator's queue asks for. */
export type InboxEvent =
  | { kind: 'upload'; upload: Upload }
  | { kind: 'step'; message: Message }
  /** Known, and nothing to do. */
  | { kind: 'ignored'; why: string }
  /** Not understood: told of, never guessed at. */
  | { kind: 'refused'; why: string }
  /** Written by a newer version: acknowledged with an alarm; the sweep sends it again. */
  | { kind: 'newer'; why: string };

const INBOX = 'inbox/';
const OLDEST_VERSION = 1;
const MESSAGE_VERSION = 1;
const STEPS = new Set<unknown>(['plan', 'work', 'finalise']);

/**
 * Everything that a message body asks for: S3 notifications (several records in one), EventBridge events,
 * Sluice's own steps. Pure, and never throws.
 */
export function parseInbox(body: string): InboxEvent[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return [refused('the message is no JSON')];
  }
  if (!isObject(value)) return [refused('the message is no JSON object')];
  if (value['step'] !== undefined) return [ownStep(value)];
  if (value['Event'] === 's3:TestEvent') return [ignored('s3:TestEvent')];
  if (Array.isArray(value['Records'])) {
    const records = value['Records'] as unknown[];
    return records.length === 0 ? [ignored('no records')] : records.map(s3Record);
  }
  if (value['detail-type'] !== undefined) return [bridgeEvent(value)];
  return [refused('neither an S3 event nor a step of Sluice')];
}

/** A step as Sluice sends it, checked; what a worker's queue holds too. */
function ownStep(value: Record<string, unknown>): InboxEvent {
  const { v, step, batch, round, stage, chunk } = value;
  if (typeof v === 'number' && v > MESSAGE_VERSION) {
    return { kind: 'newer', why: `message version ${v}, known: ${MESSAGE_VERSION}` };
  }
  // What an older version sent just before it was replaced is still in the queue.
  const known = typeof v === 'number' && Number.isInteger(v) && v >= OLDEST_VERSION;
  const whole = [round, stage ?? 0, chunk ?? 0].every((n) => Number.isInteger(n) && Number(n) >= 0);
  if (!known || !STEPS.has(step) || typeof batch !== 'string' || !whole) {
    return refused('a step with a wrong field');
  }
  if (step === 'work' && (stage === undefined || chunk === undefined)) {
    return refused('a work step without stage and chunk');
  }
  return { kind: 'step', message: value as unknown as Message };
}

/** docs.aws.amazon.com/AmazonS3 "Event message structure": versions 2.x; keys are URL-encoded with + for blanks. */
function s3Record(record: unknown): InboxEvent {
  if (!isObject(record)) return refused('a record that is no object');
  const { eventSource, eventName, eventVersion } = record;
  if (eventSource !== 'aws:s3') return refused(`a record of ${text(eventSource)}`);
  if (!String(eventVersion).startsWith('2.')) {
    return { kind: 'newer', why: `S3 event version ${text(eventVersion)}, known: 2.x` };
  }
  const name = String(eventName).replace(/^s3:/, '');
  if (!name.startsWith('ObjectCreated:')) return ignored(`S3 event ${text(eventName)}`);
  const s3 = isObject(record['s3']) ? record['s3'] : {};
  const bucket = isObject(s3['bucket']) ? s3['bucket']['name'] : undefined;
  const object = isObject(s3['object']) ? s3['object'] : {};
  const key = decodeKey(object['key']);
  if (typeof bucket !== 'string' || key === undefined) {
    return refused('an S3 record without bucket and key, or with a key that cannot be decoded');
  }
  return uploadOf(bucket, key, { etag: object['eTag'], versionId: object['versionId'] });
}

/** docs.aws.amazon.com/AmazonS3 "EventBridge event message structure": keys are not encoded. */
function bridgeEvent(event: Record<string, unknown>): InboxEvent {
  const type = event['detail-type'];
  if (event['source'] !== 'aws.s3') return refused(`an event of ${text(event['source'])}`);
  if (type !== 'Object Created') return ignored(`EventBridge event ${text(type)}`);
  const detail = isObject(event['detail']) ? event['detail'] : {};
  const bucket = isObject(detail['bucket']) ? detail['bucket']['name'] : undefined;
  const object = isObject(detail['object']) ? detail['object'] : {};
  if (typeof bucket !== 'string' || typeof object['key'] !== 'string') {
    return refused('an EventBridge event without bucket and key');
  }
  return uploadOf(bucket, object['key'], {
    etag: object['etag'],
    versionId: object['version-id'],
  });
}

/** Where an object lies says which job it is for. */
export function uploadOf(
  bucket: string,
  key: string,
  { etag, versionId }: { etag?: unknown; versionId?: unknown },
): InboxEvent {
  if (!key.startsWith(INBOX)) return ignored(`the key is not under ${INBOX}`);
  const slash = key.indexOf('/', INBOX.length);
  if (slash === -1) return ignored(`the key names no job: ${INBOX}<job>/<file> is wanted`);
  if (key.endsWith('/')) return ignored('a folder marker');
  const upload: Upload = {
    bucket,
    key,
    job: key.slice(INBOX.length, slash),
    etag: typeof etag === 'string' ? etag.replaceAll('"', '') : undefined,
    // A bucket whose versioning is suspended says 'null'.
    versionId: typeof versionId === 'string' && versionId !== 'null' ? versionId : undefined,
  };
  return { kind: 'upload', upload };
}

/** Acknowledged with an alarm: a record or part that a newer version wrote is no fault of the message. */
export async function newerIsAnswered<T>(
  answer: Promise<T>,
): Promise<T | { did: 'newer'; why: string }> {
  try {
    return await answer;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === 'NEWER') return { did: 'newer', why: message };
    throw error;
  }
}

function decodeKey(key: unknown): string | undefined {
  if (typeof key !== 'string' || key === '') return undefined;
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const ignored = (why: string): InboxEvent => ({ kind: 'ignored', why });
const refused = (why: string): InboxEvent => ({ kind: 'refused', why });
const text = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
