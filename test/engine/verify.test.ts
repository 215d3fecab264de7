import { beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../lib/core/job.ts';
import { batchKey } from '../../lib/core/keys.ts';
import { type Batch, readBatch } from '../../lib/engine/batch.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import { defineJob, each, groupBy, ndjson, ok, PermanentError } from '../../lib/index.ts';
import type { Input } from '../../lib/ports/input.ts';
import { copyStores, memoryWorld } from '../support/memory-engine.ts';

const ROOT = 'batches/test-batch/';
const job = (): Job =>
  defineJob(
    { name: 'verified', input: ndjson(), limits: { chunk: 4, workers: 1 } },
    each({
      name: 'spread',
      process: (row, ctx) => {
        ctx.log.info('seen');
        if (row === 3) throw new PermanentError('three');
        return ok({ k: `k${Number(row) % 2}` });
      },
    }),
    groupBy({ name: 'gather', key: ({ k }) => k, process: ({ key }) => ok(key) }),
  ) as Job;

let world: ReturnType<typeof memoryWorld>;
let keys: string[] = [];
beforeAll(async () => {
  world = memoryWorld(job(), { rows: [0, 1, 2, 3, 4, 5, 6] });
  await world.start();
  await world.run();
  for await (const key of world.raw.objects.list('')) keys.push(key.slice(ROOT.length));
  keys = keys.sort();
});

type Damage = (bytes: Uint8Array) => Uint8Array | undefined;
const flipped: Damage = (bytes) => {
  const copy = Uint8Array.from(bytes);
  const at = Math.floor(copy.length / 2);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
};

/** What is found after one object was changed, or removed. */
async function found(key: string, damage: Damage) {
  const stores = await copyStores(world.raw, world.id);
  const bytes = damage((await stores.objects.get(`${ROOT}${key}`)) as Uint8Array);
  if (bytes === undefined) await stores.objects.delete(`${ROOT}${key}`);
  else await stores.objects.put(`${ROOT}${key}`, bytes);
  const verdict = await verifyBatch(stores, await world.batch(), undefined);
  return { ...verdict, problems: verdict.problems.map((text) => text.replaceAll(ROOT, '')) };
}

const REPORTS = ['report.json', 'report.html', 'failures.jsonl', 'manifest.jsonl', 'log.jsonl.gz'];
const input = (change: Partial<Input> = {}): Input =>
  ({ prepare: async () => undefined, digest: async () => 'digest', ...change }) as Input;

describe('a batch as it was written', () => {
  it('has no problems, and says what was compared', async () => {
    const verdict = await verifyBatch(world.engine, await world.batch(), input());
    expect(verdict).toEqual({
      checked: [
        ...['job file', 'input list', '5 parts', '2 shuffle objects'],
        ...['5 report files', 'counts', 'outcomes digest', 'input digest'],
      ],
      problems: [],
      skipped: [],
    });
  });

  it('the input is compared where there is one', async () => {
    const batch = await world.batch();
    const look = (given: Input | undefined) => verifyBatch(world.engine, batch, given);
    const other = await look(input({ digest: async () => 'other' }));
    expect(other.problems.at(-1)).toBe('input: its digest is not the recorded one');
    expect(other.checked).not.toContain('input digest');
    const broken = input({ prepare: () => Promise.reject(new Error('gone')) });
    expect((await look(broken)).skipped).toEqual(['input: gone']);
    expect((await look(undefined)).skipped).toEqual([
      'input: its digest was never recorded, since the batch ended before it was read to its end',
    ]);
  });

  it('one that has not ended is refused', async () => {
    const batch = await world.batch();
    for (const change of [{ end: undefined }, { status: 'ending' as const }]) {
      await expect(
        verifyBatch(world.engine, { ...batch, ...change } as never, undefined),
      ).rejects.toMatchObject({
        code: 'STATE',
        message: 'Batch test-batch has not ended; it can be verified when it has.',
        hint: 'See: sluice status test-batch',
      });
    }
  });

  it('a batch of a job that is not deployed has no job file', async () => {
    const stores = await copyStores(world.raw, world.id);
    const key = batchKey(world.id);
    await stores.store.change(key, { when: [], set: { digest: '' } });
    const { skipped } = await verifyBatch(
      stores,
      (await readBatch(stores.store, world.id)) as Batch,
      input(),
    );
    expect(skipped[0]).toBe('job file: the batch was started for a job that is not deployed');
  });
});

describe('one changed object', () => {
  it('of each kind is there to be changed', () => {
    expect(
      keys.map((key) => key.replace(/^r0\//, '')).filter((key) => !/^(parts|shuffle)/.test(key)),
    ).toEqual(['input.json', 'job.mjs', ...[...REPORTS].sort()]);
    expect(keys.filter((key) => key.includes('/parts/'))).toHaveLength(5);
    expect(keys.filter((key) => /shuffle.*gz$/.test(key))).toHaveLength(2);
  });

  it('the input list', async () => {
    expect((await found('input.json', flipped)).problems).toEqual([
      'input.json: the input list is not the recorded one',
    ]);
  });

  it('the job file', async () => {
    expect((await found('job.mjs', flipped)).problems).toEqual([
      'job.mjs: the job file is not the recorded one',
    ]);
    expect((await found('job.mjs', () => undefined)).problems).toEqual([
      'job.mjs: the job file is missing',
    ]);
  });

  it.each(REPORTS.filter((file) => file !== 'manifest.jsonl' && file !== 'report.json'))(
    '%s',
    async (file) => {
      const key = `r0/${file}`;
      expect((await found(key, flipped)).problems).toEqual([
        `${key}: is not what the parts and the state give`,
      ]);
      expect((await found(key, () => undefined)).problems).toEqual([`${key}: missing`]);
    },
  );

  it('report.json, which holds the digest of the page', async () => {
    const { problems } = await found('r0/report.json', () => Buffer.from('{'));
    expect(problems).toEqual([
      'r0/report.json: is not what the parts and the state give',
      'r0/report.html: is not what the parts and the state give',
    ]);
    expect((await found('r0/report.json', () => undefined)).problems).toContain(
      'r0/report.json: missing',
    );
  });

  it('a line of the manifest names its part', async () => {
    const [first] = keys.filter((key) => key.includes('/parts/')) as [string];
    const edit =
      (change: (text: string) => string): Damage =>
      (bytes) =>
        Buffer.from(change(Buffer.from(bytes).toString()));
    const all = 'r0/manifest.jsonl: is not what the parts and the state give';
    const edited = async (change: (text: string) => string): Promise<string[]> =>
      (await found('r0/manifest.jsonl', edit(change))).problems;
    const other = `${first}: its SHA-256 is not the one in the manifest`;
    expect(await edited((text) => text.replace(/"sha256":"./, '"sha256":"x'))).toEqual([
      other,
      all,
    ]);
    expect(await edited((text) => text.replace(/"bytes":/, '"bytes":1'))).toEqual([other, all]);
    const unnamed = `r0/manifest.jsonl: line 1 does not name ${first}`;
    expect(await edited((text) => text.replace('parts/', 'xarts/'))).toEqual([unnamed, all]);
    expect(await edited((text) => text.replace('{', ''))).toEqual([unnamed, all]);
    expect(await edited((text) => `\n\n${text}`)).toEqual([all]);
    const none = (await found('r0/manifest.jsonl', () => undefined)).problems;
    expect(none[0]).toBe(unnamed);
    expect(none).toContain('r0/manifest.jsonl: missing');
  });

  it('a part, at its begin, its middle and its foot', async () => {
    for (const key of keys.filter((name) => name.includes('/parts/'))) {
      for (const damage of [
        flipped,
        (bytes: Uint8Array) => bytes.subarray(0, -1),
        () => undefined,
      ]) {
        const { problems, checked } = await found(key, damage);
        expect(problems.filter((text) => text.includes(key)).length, key).toBeGreaterThan(0);
        expect(checked).toContain('5 parts');
      }
    }
  });

  it('a shuffle object', async () => {
    for (const key of keys.filter((name) => /shuffle.*gz$/.test(name))) {
      const changed = await found(key, flipped);
      expect(changed.problems).toEqual([`${key}: its SHA-256 is not the one its part says`]);
      expect(changed.checked).toContain('2 shuffle objects');
      const gone = await found(key, () => undefined);
      expect(gone.problems).toEqual([`${key}: the shuffle object is missing`]);
    }
  });
});

it('what an attempt says of the size of its part is what is stored', async () => {
  const own = memoryWorld(job(), { rows: [0, 1, 2, 3, 4] });
  const { openAttempt } = own.engine;
  const said: [string, number][] = [];
  own.engine.openAttempt = async (spec, control) => {
    const attempt = await openAttempt(spec, control);
    return {
      ...attempt,
      async write(key) {
        const summary = await attempt.write(key);
        said.push([key, summary.bytes]);
        return summary;
      },
    };
  };
  await own.start();
  await own.run();
  expect(said.length).toBeGreaterThan(2);
  for (const [key, bytes] of said) expect(await own.raw.objects.size(key)).toBe(bytes);
});

describe('the store', () => {
  it('that counts otherwise than the parts is told', async () => {
    const stores = await copyStores(world.raw, world.id);
    const [tally] = await stores.store.query(world.id, 'T', 'U');
    await stores.store.change(
      { batch: world.id, sort: tally?.sort as string },
      { when: [], set: { ...tally?.record, ok: 99 } },
    );
    const { problems } = await verifyBatch(stores, await world.batch(), undefined);
    const counts = problems.filter((text) => text.startsWith('counts: '));
    expect(counts).toHaveLength(1);
    expect(counts[0]).toMatch(
      /^counts: the parts give \{"ok":8,.*\}, the checkpoint store has \{"ok":/,
    );
  });

  it('that misses a commit is told: no report can be made again', async () => {
    const stores = await copyStores(world.raw, world.id);
    const [tally] = await stores.store.query(world.id, 'T', 'U');
    await stores.store.change(
      { batch: world.id, sort: tally?.sort as string },
      { when: [], set: { ...tally?.record, n: 1 } },
    );
    const { problems } = await verifyBatch(stores, await world.batch(), undefined);
    expect(problems).toContain('round 0: not all of its chunks are committed');
  });
});
