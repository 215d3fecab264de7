import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StackPlace } from '../../lib/app/aws/open-stack.ts';
import {
  batchOfUpload,
  type PlannedUpload,
  planUploads,
  type Uploaded,
  uploadFile,
} from '../../lib/app/aws/submit.ts';
import { uploadMetadata } from '../../lib/app/aws/upload-metadata.ts';
import type { Progress } from '../../lib/app/drive.ts';
import { barLines, plainLine } from '../../lib/cli/progress-line.ts';
import { readBatch } from '../../lib/engine/batch.ts';
import { jobText, rows } from './sluice.ts';
import { type StackWorld, stackWorld } from './stack-world.ts';

const LIMITS = '{ chunk: 10, concurrency: 2, workers: 2 }';
const QUOTA = "{ api: { calls: 5, per: '1s' } }";
const quotedText = (name: string, quotas: string): string => `
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: '${name}', input: ndjson(), quotas: ${quotas}, limits: { callsPerItem: 0 }, process: (row) => ok(row),
});`;
let on: StackWorld;

beforeAll(async () => {
  on = await stackWorld({
    tell: jobText({ limits: LIMITS }),
    quoted: quotedText('quoted', QUOTA),
    asked: quotedText('asked', `() => (${QUOTA})`),
  });
}, 60_000);
afterAll(() => on.close());

const BAD = { 3: { bad: 'no' }, 14: { skip: 'odd' } };

/** Uploads by the CLI, tells of it as S3 does, and works until nothing is left; returns the batch. */
async function submitted(file: string, ...args: string[]): Promise<string> {
  const out = await on.sluice(['submit', 'tell', file, '--json', ...args]);
  const [upload] = (JSON.parse(out) as { uploads: { url: string }[] }).uploads;
  await on.world.inbox(await on.world.eventOf(upload?.url.slice('s3://uploads/'.length) ?? ''));
  await on.world.run();
  const [newest] = JSON.parse(await on.sluice(['list', '--json'])) as { id: string }[];
  return newest?.id ?? '';
}

describe('a batch on a stack', () => {
  it('is uploaded, listed, looked at, reported, saved and verified', async () => {
    on.place.write('a b.jsonl', rows(25, BAD));
    const said = await on.start(['submit', 'tell', 'a b.jsonl', '--stack', 'Sluice']).ended;
    expect(said.code).toBe(0);
    expect(said.out).toContain("upload    's3://uploads/inbox/tell/a b.jsonl'\nlook      ");
    expect(said.out).toContain('--stack Sluice list\n');
    expect(said.err).toBe('Uploaded a b.jsonl to s3://uploads/inbox/tell/a b.jsonl\n');
    await on.world.inbox(await on.world.eventOf('inbox/tell/a b.jsonl'));
    await on.world.run();

    const [entry] = JSON.parse(await on.sluice(['list', '--json'])) as Record<string, unknown>[];
    expect(entry).toMatchObject({ job: 'tell', status: 'done', doneItems: 25, totalItems: 25 });
    const id = String(entry?.['id']);
    const status = JSON.parse(await on.sluice(['status', id, '--json'])) as object;
    expect(status).toMatchObject({ status: 'done', counts: { ok: 23, skipped: 1, failed: 1 } });
    expect(await on.sluice(['items', id, '--status', 'failed', '--csv'])).toContain('BAD_ROW,no');
    expect((await on.sluice(['logs', id])).match(/saw it/g)).toHaveLength(25);

    const report = await on.sluice(['report', id]);
    expect(report).toContain(`report    s3://reports/batches/${id}/r0/report.html\nsave      `);
    expect(report).toMatch(/again .+ --stack Sluice retry tell-\w+\n/);
    expect((await on.sluice(['report', id, '--details'])).trim().split('\n')).toHaveLength(25);
    await on.sluice(['report', id, '--save', 'kept']);
    const saved = JSON.parse(readFileSync(join(on.place.cwd, 'kept', 'report.json'), 'utf8'));
    expect(saved).toEqual(JSON.parse(await on.sluice(['report', id, '--json'])));
    expect(readFileSync(join(on.place.cwd, 'kept', 'report.html'), 'utf8')).toContain('</html>');
    const again = await on.run(['report', id, '--save', 'kept', '--stack', 'Sluice']);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('nothing was saved')]);

    expect(await on.sluice(['verify', id])).toContain('input digest\n');
  }, 60_000);

  it('says at the start how much of a short quota is usable, also one that the options make', async () => {
    const words = 'Quota api (5 calls in 1000 ms): 33 % of it is usable, since clocks differ';
    on.place.write('quoted.jsonl', '1\n');
    const said = await on.run(['submit', 'quoted', 'quoted.jsonl', '--stack', 'Sluice']);
    expect([said.code, said.err.split('\n')[0]]).toEqual([0, expect.stringContaining(words)]);
    const event = await on.world.eventOf('inbox/quoted/quoted.jsonl');
    const id = (await on.world.inbox(event))[0]?.batch ?? '';
    await on.sluice(['pause', id]);
    const resumed = await on.run(['resume', id, '--stack', 'Sluice']);
    expect([resumed.code, resumed.err]).toEqual([0, expect.stringContaining(words)]);
    const running = on.start(['submit', 'asked', 'quoted.jsonl', '--wait', '--stack', 'Sluice']);
    await on.says(running, 'Uploaded quoted.jsonl');
    await on.world.inbox(await on.world.eventOf('inbox/asked/quoted.jsonl'));
    const ended = await on.during(running.ended);
    expect([ended.code, ended.err]).toEqual([0, expect.stringContaining(words)]);
  }, 60_000);

  it('takes its options from the command line as metadata of the upload', async () => {
    on.place.write('few.jsonl', rows(9));
    const id = await submitted('few.jsonl', '--chunk', '4', '--tolerate', '1%', '--now', '1000');
    const key = 'inbox/tell/few.jsonl';
    const { Metadata } = await on.world.cloud.s3.send(
      new HeadObjectCommand({ Bucket: 'uploads', Key: key }),
    );
    expect(Metadata).toEqual({
      'sluice-chunk': '4',
      'sluice-tolerate': '1%',
      'sluice-now': '1000',
    });
    const report = JSON.parse(await on.sluice(['report', id, '--json'])) as object;
    expect(report).toMatchObject({ chunks: 3, total: 9, status: 'done' });
  });

  it('is made of all objects below a prefix, in the order of their keys', async () => {
    for (const name of ['b/2.jsonl', 'b/10.jsonl', 'B.jsonl']) {
      await on.world.upload(`data/p/${name}`, rows(2));
    }
    await on.world.upload('data/p/b/', '');
    const out = await on.sluice([
      'submit',
      'tell',
      's3://uploads/data/p/',
      '--json',
      '--chunk',
      '4',
    ]);
    const [upload] = (JSON.parse(out) as { uploads: Uploaded[] }).uploads;
    expect(upload?.url).toMatch(
      /^s3:\/\/uploads\/inbox\/tell\/data-p-[0-9a-f]{12}\.manifest\.jsonl$/,
    );
    const key = upload?.url.slice('s3://uploads/'.length) ?? '';
    const stored = await on.world.cloud.s3.send(
      new GetObjectCommand({ Bucket: 'uploads', Key: key }),
    );
    const lines = ((await stored.Body?.transformToString()) ?? '').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { key: string }).key)).toEqual([
      'data/p/B.jsonl',
      'data/p/b/10.jsonl',
      'data/p/b/2.jsonl',
    ]);
    await on.world.inbox(await on.world.eventOf(key));
    await on.world.run();
    const [newest] = JSON.parse(await on.sluice(['list', '--json'])) as { id: string }[];
    const report = JSON.parse(await on.sluice(['report', newest?.id ?? '', '--json'])) as object;
    expect(report).toMatchObject({ total: 6, chunks: 2, input: { sources: 3 }, status: 'done' });
    expect(await on.sluice(['verify', newest?.id ?? ''])).toContain('input digest\n');

    const other = await on.run(['submit', 'tell', 's3://other/data/', '--stack', 'Sluice']);
    expect([other.code, other.err]).toEqual([
      64,
      expect.stringMatching(
        /may read below s3:\/\/uploads\/data\/ and .*; got s3:\/\/other\/data\//,
      ),
    ]);
    const none = await on.run(['submit', 'tell', 's3://uploads/data/none/', '--stack', 'Sluice']);
    expect([none.code, none.err]).toEqual([4, expect.stringMatching(/There is no object below/)]);
  }, 40_000);

  it('is followed to its end by --wait, whose exit code is its own', async () => {
    on.place.write('waited.jsonl', rows(12, BAD));
    const running = on.start(['submit', 'tell', 'waited.jsonl', '--wait', '--stack', 'Sluice']);
    await on.says(running, 'Uploaded');
    await on.world.inbox(await on.world.eventOf('inbox/tell/waited.jsonl'));
    const ended = await on.during(running.ended);
    expect(ended.err).toMatch(/^Batch tell-\w+$/m);
    expect(ended.out).toContain('tell: done');
    expect(ended.code).toBe(2);
  });

  it('is found by its upload also where that went up in parts', async () => {
    const value = 'x'.repeat(600_000);
    on.place.write(
      'large.jsonl',
      rows(15, Object.fromEntries([...Array(15).keys()].map((at) => [at, { value }]))),
    );
    const out = await on.sluice(['submit', 'tell', 'large.jsonl', '--json']);
    const [upload] = (JSON.parse(out) as { uploads: Uploaded[] }).uploads;
    expect(upload).toMatchObject({ etag: expect.stringMatching(/-2$/), version: null });
    await on.world.inbox(await on.world.eventOf('inbox/tell/large.jsonl'));
    const place = { store: on.world.cloud.store } as StackPlace;
    const of = { ...(upload as Uploaded), version: undefined };
    expect(await batchOfUpload(place, of)).toMatch(/^tell-/);
    expect(await batchOfUpload(place, { ...of, version: 'another' })).toBeUndefined();
    expect(await batchOfUpload(place, { ...of, etag: 'another' })).toBeUndefined();
    await on.world.run();
  }, 40_000);

  it('leaves no object when it is aborted while it goes up', async () => {
    on.place.write('cut.jsonl', 'x'.repeat(20_000_000));
    const place = {
      s3: on.world.cloud.s3,
      outputs: { uploads: 'uploads', jobs: { tell: {} } },
    } as unknown as StackPlace;
    const [planned] = await planUploads(place, { job: 'tell', files: ['cut.jsonl'] });
    const stop = new AbortController();
    const { signal } = stop;
    const upload = uploadFile(place, planned as PlannedUpload, {
      metadata: {},
      signal,
      onBytes: () => stop.abort(),
    });
    await expect(upload).rejects.toThrow('cut.jsonl was not uploaded.');
    const left = on.world.eventOf('inbox/tell/cut.jsonl');
    await expect(left).rejects.toMatchObject({ name: 'NotFound' });
  });

  it('is told of when its input is gone, and found out when a file of it was changed', async () => {
    on.place.write('gone.jsonl', rows(5));
    const id = await submitted('gone.jsonl');
    await on.world.upload('inbox/tell/gone.jsonl', rows(6));
    const verified = await on.sluice(['verify', id]);
    expect(verified).toContain(
      'skipped  input: s3://uploads/inbox/tell/gone.jsonl is not the object',
    );
    await on.world.cloud.objects.put(`batches/${id}/r0/report.html`, Buffer.from('other'));
    expect(await on.sluice(['verify', id], 1)).toContain('report.html: is not what');
  });
});

describe('what is refused before anything is uploaded', () => {
  const uploads = async (): Promise<number> => {
    const { KeyCount } = await on.world.cloud.s3.send(
      new ListObjectsV2Command({ Bucket: 'uploads', Prefix: 'inbox/' }),
    );
    return KeyCount ?? 0;
  };

  it.each([
    [
      'an unknown job',
      ['nope', 'x.jsonl'],
      4,
      'Stack Sluice has no job "nope".',
      'Its jobs: tell, quoted, asked.',
    ],
    ['a missing file', ['tell', 'none.jsonl'], 4, 'There is no file none.jsonl.', ''],
    ['standard input', ['tell', '-'], 64, 'submit takes files;', ''],
    ['one name twice', ['tell', 'x.jsonl', 'sub/x.jsonl'], 64, 'would both be uploaded as', ''],
    [
      'a bound',
      ['tell', 'x.jsonl', '--chunk', '0'],
      64,
      '--chunk must be a whole number from 1',
      '',
    ],
    [
      'a name in capitals',
      ['tell', 'x.jsonl', '--option', 'Max=1'],
      64,
      '--option Max: a name',
      '',
    ],
    ['an own option', ['tell', 'x.jsonl', '--option', 'chunk=1'], 64, 'Give it as --chunk', ''],
  ])('%s', async (_what, args, code, message, hint) => {
    on.place.write('x.jsonl', rows(1));
    const sub = join(on.place.cwd, 'sub');
    mkdirSync(sub, { recursive: true });
    writeFileSync(join(sub, 'x.jsonl'), rows(1));
    const before = await uploads();
    const ended = await on.run(['submit', ...args, '--stack', 'Sluice']);
    expect([ended.code, ended.out]).toEqual([code, '']);
    expect(ended.err).toContain(message);
    expect(ended.err).toContain(hint);
    expect(await uploads()).toBe(before);
  });
});

describe('a batch that was deleted from the list', () => {
  it('is not found, by the name of the stack', async () => {
    const ended = await on.run(['status', 'tell-nothing', '--stack', 'Sluice']);
    expect([ended.code, ended.err]).toEqual([
      4,
      expect.stringContaining('There is no batch tell-nothing in stack Sluice.'),
    ]);
    expect(await readBatch(on.world.cloud.store, 'tell-nothing')).toBeUndefined();
  });
});

describe('options as metadata', () => {
  const given = (options: Record<string, string>) => () => uploadMetadata({ own: {}, options });

  it.each(['Grüße', ' a', 'a ', '', 'a\nb'])('refuses the value %j', (value) => {
    expect(given({ team: value })).toThrow('--option team: its value must be printable ASCII');
  });

  it('counts names and values against the 2 KB of S3', () => {
    const options = (bytes: number) => ({ a: 'x'.repeat(bytes - 'sluice-a'.length) });
    expect(given(options(2048))()).toHaveProperty('sluice-a');
    expect(given(options(2049))).toThrow('may have 2048 bytes in all; got 2049.');
  });
});

describe('the progress of a stack', () => {
  it('says who works, and nothing of the memory of this process', () => {
    const counts = { ok: 4, skipped: 0, failed: 1, stalled: 0, notRun: 0 };
    const batch = { id: 'tell-a', settings: {} };
    const state = { batch, doneItems: 5, totalItems: 10, counts };
    const progress = { state, busy: 0, slots: 0, codes: {}, rssBytes: 9e6 } as unknown as Progress;
    const shown = { progress, rate: undefined, elsewhere: 'functions work' };
    expect(plainLine(shown)).toBe('tell-a: 5/10, 50 %, functions work, failed 1');
    expect(barLines(shown, 60)[1]).toBe('functions work  failed 1');
    expect(plainLine({ progress, rate: undefined })).toContain('another process works');
  });
});
