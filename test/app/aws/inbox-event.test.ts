import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type InboxEvent, parseInbox } from '../../../lib/app/aws/inbox-event.ts';

const event = (name: string): string =>
  readFileSync(new URL(`../../../events/${name}.json`, import.meta.url), 'utf8');
/** The bodies that a queue would hand over, from a file that holds a whole invocation or one event. */
function bodiesOf(text: string): string[] {
  const value = JSON.parse(text) as { Records?: { body?: string }[] };
  const bodies = value.Records?.map(({ body }) => body);
  return bodies?.every((body) => body !== undefined) ? (bodies as string[]) : [text];
}
const parsed = (name: string): InboxEvent[] => bodiesOf(event(name)).flatMap(parseInbox);

/** One row a sample: what it is, as its kind and what tells most about it. */
const ROWS: Record<string, unknown[]> = {
  's3-put': [
    {
      kind: 'upload',
      upload: {
        bucket: 'sluice-uploads',
        key: 'inbox/odds/season 24+25 größe.csv',
        job: 'odds',
        etag: '9b2cf535f27731c974343645a3985328',
        versionId: 'L4kqtJlcpXroDTDmpUMLUo',
      },
    },
  ],
  's3-multipart': [{ kind: 'upload', upload: { etag: '9b2cf535f27731c974343645a3985328-4' } }],
  's3-several-records': [
    { kind: 'upload', upload: { key: 'inbox/odds/a.csv' } },
    { kind: 'upload', upload: { key: 'inbox/odds/b.csv' } },
    { kind: 'ignored', why: 'S3 event "ObjectRemoved:Delete"' },
  ],
  's3-test-event': [{ kind: 'ignored', why: 's3:TestEvent' }],
  's3-removed': [{ kind: 'ignored', why: 'S3 event "ObjectRemoved:DeleteMarkerCreated"' }],
  's3-outside-inbox': [{ kind: 'ignored', why: 'the key is not under inbox/' }],
  's3-folder-marker': [{ kind: 'ignored', why: 'a folder marker' }],
  's3-bad-encoding': [
    {
      kind: 'refused',
      why: 'an S3 record without bucket and key, or with a key that cannot be decoded',
    },
  ],
  's3-newer-version': [{ kind: 'newer', why: 'S3 event version "3.0", known: 2.x' }],
  's3-direct': [{ kind: 'upload', upload: { key: 'inbox/odds/direct.csv' } }],
  'eventbridge-created': [
    { kind: 'upload', upload: { key: 'inbox/odds/a+b c.csv', versionId: undefined } },
  ],
  'eventbridge-deleted': [{ kind: 'ignored', why: 'EventBridge event "Object Deleted"' }],
  'step-plan': [{ kind: 'step', message: { step: 'plan', batch: 'odds-abcdefghij', round: 0 } }],
  'step-finalise': [{ kind: 'step', message: { step: 'finalise' } }],
  'step-work': [{ kind: 'step', message: { step: 'work', stage: 0, chunk: 17 } }],
  'step-newer': [{ kind: 'newer', why: 'message version 2, known: 1' }],
  'step-broken': [{ kind: 'refused', why: 'a step with a wrong field' }],
  'not-json': [{ kind: 'refused', why: 'the message is no JSON' }],
};

describe('the sample events', () => {
  for (const [name, wanted] of Object.entries(ROWS)) {
    test(name, () => {
      expect(parsed(name)).toMatchObject(wanted);
    });
  }

  test('each file of events/ is one of these rows, or is for the sweeper', () => {
    const files = readdirSync(new URL('../../../events', import.meta.url));
    const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5));
    expect(names.sort()).toEqual([...Object.keys(ROWS), 'schedule'].sort());
  });
});

test.each([0, -1, 0.5, 1.5, '1', null, undefined])('a step of version %j is refused', (v) => {
  const body = JSON.stringify({ v, step: 'plan', batch: 'b', round: 0 });
  const newer = typeof v === 'number' && v > 1;
  expect(parseInbox(body)).toMatchObject([{ kind: newer ? 'newer' : 'refused' }]);
});

test('whatever a message holds, the answer is an answer (property)', () => {
  const record = fc.record(
    {
      eventSource: fc.constantFrom('aws:s3', 'aws:sqs', 7, null),
      eventVersion: fc.constantFrom('2.1', '3.0', undefined, 2),
      eventName: fc.constantFrom('ObjectCreated:Put', 's3:ObjectCreated:Copy', 'x', null),
      s3: fc.oneof(
        fc.anything(),
        fc.record({
          bucket: fc.record({ name: fc.string() }),
          object: fc.record({ key: fc.oneof(fc.string(), fc.constant('inbox/odds/%zz')) }),
        }),
      ),
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ Records: fc.array(fc.oneof(record, fc.anything())) }).map((v) => JSON.stringify(v)),
    fc
      .record(
        { v: fc.anything(), step: fc.anything(), batch: fc.anything(), round: fc.anything() },
        { requiredKeys: ['step'] },
      )
      .map((v) => JSON.stringify(v) ?? ''),
  );
  fc.assert(
    fc.property(body, (text) => {
      const events = parseInbox(text);
      expect(events.length).toBeGreaterThan(0);
      for (const one of events) {
        if (one.kind === 'upload') expect(one.upload.key.startsWith('inbox/')).toBe(true);
        else if (one.kind !== 'step') expect(one.why.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 500 },
  );
});

test('a key comes back as it was, however S3 writes it (property)', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (name) => {
      const key = `inbox/odds/${name}`;
      fc.pre(!key.endsWith('/'));
      const encoded = key
        .split('/')
        .map((piece) => encodeURIComponent(piece).replaceAll('%20', '+'))
        .join('/');
      const object = { key: encoded, eTag: 'x' };
      const s3 = { bucket: { name: 'b' }, object };
      const record = { eventSource: 'aws:s3', eventVersion: '2.1', eventName: 'ObjectCreated:Put' };
      const [one] = parseInbox(JSON.stringify({ Records: [{ ...record, s3 }] }));
      expect(one).toMatchObject({ kind: 'upload', upload: { key } });
    }),
  );
});

const data = process.env['SLUICE_DATA'] ?? join(process.cwd(), '../shared/data');
const folder = join(data, 'aws-events');

describe.skipIf(!existsSync(folder))(
  'events that others recorded (skipped: needs SLUICE_DATA)',
  () => {
    test('every S3 and SQS event is handled, or refused with a reason', () => {
      const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      const seen: Record<string, string> = {};
      for (const file of files.filter((one) => one.endsWith('.json'))) {
        const text = readFileSync(join(folder, file), 'utf8');
        for (const one of bodiesOf(text).flatMap(parseInbox)) {
          seen[file] = one.kind === 'ignored' || one.kind === 'refused' ? one.why : one.kind;
        }
      }
      expect(Object.keys(seen)).toHaveLength(files.filter((one) => one.endsWith('.json')).length);
      for (const why of Object.values(seen)) expect(why).not.toBe('');
      const of = (part: string): string | undefined =>
        Object.entries(seen).find(([file]) => file.endsWith(part))?.[1];
      // None of them lies under inbox/, so what is understood is also left alone.
      expect(of('powertools-typescript/s3/sqs-event.json')).toBe('the key is not under inbox/');
      expect(of('s3/eventbridge-object-created.json')).toBe('the key is not under inbox/');
      expect(of('s3/eventbridge-object-deleted.json')).toBe('EventBridge event "Object Deleted"');
      expect(of('s3/delete-object.json')).toContain('ObjectRemoved');
      expect(of('s3-glacier-event.json')).toContain('S3 event');
      expect(of('s3-batch-job-event-request-1.0.json')).toContain('neither');
    });
  },
);
