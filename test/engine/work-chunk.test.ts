import { describe, expect, it } from 'vitest';
import type { StoredRecord } from '../../lib/core/change.ts';
import { SluiceError } from '../../lib/core/errors.ts';
import { chunkKey, partKey, savedKey, tallyKey } from '../../lib/core/keys.ts';
import { fenceName, markName } from '../../lib/core/transitions.ts';
import type { Attempt, AttemptSpec, Control, Engine, Worked } from '../../lib/engine/engine.ts';
import { workChunk } from '../../lib/engine/work-chunk.ts';
import { STAGE, type StateOptions, storedState } from '../support/stored-state.ts';

const NOW = 1_000_000;
const CHUNK = { ...STAGE, chunk: 0 };
const COUNTS = { ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 0 };

interface Play extends StateOptions {
  /** What the attempt answers when it is asked to work; a chunk has one item. */
  works?: Partial<Worked>;
  /** Rows that it has when it writes. */
  rows?: Record<string, number>;
  /** What opening the attempt throws. */
  broken?: Error;
  /** This machine's code. */
  digest?: string;
  skewMs?: number;
  /** Owners that are proved dead. */
  dead?: string[];
}

/** One message for chunk 0, and all that was done with it. */
async function worked(play: Play) {
  const { works, rows = { ok: 1 }, broken, digest = 'd', skewMs, dead = [], ...state } = play;
  const stage = { planned: 1, rel: 1, ...state.stage };
  const stored = await storedState({ now: NOW, ...state, stage });
  for (const owner of dead) stored.host.dead.add(owner);
  const did: string[] = [];
  const specs: AttemptSpec[] = [];
  let control: Control | undefined;
  const attempt: Attempt = {
    async work(until) {
      did.push(`work ${until}`);
      return { cursor: until, count: until, state: 'go', ...works };
    },
    fail: () => Promise.reject(new Error('not asked for')),
    async notRun() {
      did.push('not run');
    },
    async write(key) {
      did.push(`write ${key}`);
      return { bytes: 0, counts: { ...COUNTS, ...rows }, codes: {}, durations: [] as never };
    },
    close: () => did.push('close'),
  };
  const engine = {
    ...stored.engine,
    jobDigest: digest,
    skewMs,
    objects: { delete: async (key: string) => void did.push(`delete ${key}`) },
    leases: {
      until: (now: number) => now + 500,
      hold(key: { sort: string }, { epoch, owner }: { epoch: number; owner: string }) {
        did.push(`hold ${key.sort} ${epoch} ${owner}`);
        return { lost: () => false, drop: () => did.push('drop') };
      },
    },
    draining: () => false,
    remainingMs: () => Number.POSITIVE_INFINITY,
    async openAttempt(spec: AttemptSpec, given: Control) {
      did.push('open');
      specs.push(spec);
      control = given;
      if (broken !== undefined) throw broken;
      return attempt;
    },
  } as unknown as Engine;
  const answer = await workChunk(engine, CHUNK).catch((error: Error) => error.message);
  const tally = await stored.raw.read(tallyKey(STAGE, 0));
  return { ...stored, answer, did, specs, control, tally, record: await stored.chunk(0) };
}

describe('a message for a chunk is acknowledged, and nothing is claimed,', () => {
  it.each<[string, Play, string]>([
    ['of another round', { batch: { round: 1 } }, 'ended'],
    ['of a batch that has ended', { batch: { status: 'done' } }, 'ended'],
    ['that is committed', { committed: { 0: { ok: 1 } } }, 'committed'],
    ['that was never released', { stage: { planned: 1, rel: 0, halt: 'cancel' } }, 'not released'],
    ['of a paused stage', { stage: { halt: 'pause' } }, 'paused'],
    [
      'whose lease is another’s',
      { chunks: { 0: { lease: NOW, owner: 'x' } } },
      'claimed by another',
    ],
    ['that may not run yet', { chunks: { 0: { resumeAt: NOW + 1 } } }, 'claimed by another'],
  ])('%s', async (_what, play, why) => {
    const state = await worked(play);
    expect(state.answer).toEqual({ did: 'nothing', why });
    expect(state.did).toEqual([]);
    expect(state.record?.['epoch']).toBe(0);
  });

  it('of a batch that is gone', async () => {
    const state = await storedState({ stage: { planned: 1, rel: 1 } });
    const engine = state.engine as unknown as Engine;
    const other = { ...CHUNK, batch: 'gone' };
    expect(await workChunk(engine, other)).toEqual({ did: 'nothing', why: 'unknown batch' });
  });

  it('and one that is committed settles: whoever committed it may have died before', async () => {
    const play = { stage: { planned: 2, rel: 1, sealed: 2 }, committed: { 0: { ok: 1 } } };
    expect((await worked(play)).sentBriefly()).toEqual([1]);
    const unfinished = { stage: { planned: 2, rel: 1, halt: 'pause' } };
    expect((await worked(unfinished)).sentBriefly()).toEqual([]);
  });
});

describe('other code than the batch’s', () => {
  it('pauses the batch, with both digests in the reason', async () => {
    const { answer, batch, stage, did } = await worked({ digest: 'other'.repeat(5) });
    expect(answer).toEqual({ did: 'nothing', why: 'other code' });
    expect(await batch()).toMatchObject({ stop: 'pause', ver: 1 });
    expect((await batch())?.['reason']).toContain('started with d, this worker has otherotherot.');
    expect(await stage()).toMatchObject({ halt: 'pause', haltVer: 1 });
    expect(did).toEqual([]);
  });

  it('does not matter once it is cancelled: its items are recorded as not run', async () => {
    const play = {
      digest: 'other',
      stage: { halt: 'cancel' },
      works: { state: 'cancel' as const },
    };
    const { answer, did } = await worked(play);
    expect(answer).toMatchObject({ did: 'committed' });
    expect(did).toContain('not run');
  });
});

describe('a claim', () => {
  it('holds its lease, opens the attempt, and commits what it wrote', async () => {
    const { answer, did, specs, record, tally } = await worked({ rows: { ok: 1 } });
    const key = partKey(CHUNK, 1);
    expect(did).toEqual([
      ...[`hold ${chunkKey(CHUNK).sort} 1 memory/1`, 'open', 'work 1', `write ${key}`],
      ...['close', 'drop', 'close', 'drop'],
    ]);
    expect(answer).toMatchObject({ did: 'committed', epoch: 1, part: { counts: { ok: 1 } } });
    expect(record).toMatchObject({ epoch: 1, attempts: 1, lease: NOW + 500, owner: 'memory/1' });
    expect(tally).toEqual({ [markName(0)]: 1, n: 1, ok: 1 });
    expect(specs).toEqual([
      {
        ...{ id: CHUNK, epoch: 1, cursor: 0, saved: undefined, careful: false, alone: undefined },
        range: { source: 0, start: 0, end: 1, first: 0, count: 1 },
      },
    ]);
  });

  it('hands on where the chunk stands in its sources', async () => {
    const { specs } = await worked({ chunks: { 0: { line: 7, last: 2, part: 'p', cursor: 0 } } });
    expect(specs[0]).toMatchObject({ range: { line: 7, last: 2 }, saved: 'p' });
  });

  it.each<[string, StoredRecord, boolean, number | undefined]>([
    ['the first attempt', {}, false, undefined],
    ['after a hand-back', { epoch: 5 }, false, undefined],
    ['after a death', { epoch: 1, attempts: 1 }, true, undefined],
    ['with an item named', { epoch: 1, named: 0, starts: 1 }, true, undefined],
    ['with an item named when two attempts died', { named: 0, starts: 2 }, true, 0],
  ])('%s is careful or not', async (_what, fields, careful, alone) => {
    const { specs } = await worked({ chunks: { 0: fields } });
    expect(specs[0]).toMatchObject({ careful, ...(alone === undefined ? {} : { alone }) });
  });

  it('over the lease of an owner that is proved dead needs no wait', async () => {
    const chunks = { 0: { lease: NOW + 9_999, owner: 'gone/1', epoch: 1 } };
    const { answer, record } = await worked({ chunks, dead: ['gone/1'] });
    expect(answer).toMatchObject({ did: 'committed', epoch: 2 });
    expect(record).toMatchObject({ owner: 'memory/1' });
  });

  it('of a chunk that was claimed before fences it first', async () => {
    const { tally, answer } = await worked({ chunks: { 0: { epoch: 2 } } });
    expect(answer).toMatchObject({ did: 'committed', epoch: 3 });
    expect(tally).toMatchObject({ [fenceName(0)]: 3, [markName(0)]: 3 });
    expect((await worked({})).tally).not.toHaveProperty(fenceName(0));
  });

  it('whose fence is refused gives its lease up, settles and runs nothing', async () => {
    const { answer, did, sentBriefly } = await worked({
      stage: { planned: 2, rel: 1, sealed: 2 },
      chunks: { 0: { epoch: 2 } },
      onChange: (key) =>
        key.sort.startsWith('T')
          ? Promise.resolve({ applied: false, record: undefined, retried: false })
          : undefined,
    });
    expect(answer).toEqual({ did: 'nothing', why: 'claimed by another' });
    expect(did.at(-1)).toBe('drop');
    expect(did).not.toContain('open');
    expect(sentBriefly()).toEqual([1]);
  });
});

describe('an attempt that ends', () => {
  it('with rows missing is not committed', async () => {
    const { answer, tally, did } = await worked({ rows: {} });
    expect(answer).toBe('Chunk 0 has 0 of 1 rows: it is not committed.');
    expect(tally).toBe(undefined);
    expect(did.slice(-2)).toEqual(['close', 'drop']);
  });

  it('after another one committed changes nothing, and settles all the same', async () => {
    const { answer, sentBriefly } = await worked({
      stage: { planned: 2, rel: 1, sealed: 2 },
      onChange: (key, change) =>
        key.sort.startsWith('T') && change.add?.['n'] === 1
          ? Promise.resolve({ applied: false, record: undefined, retried: false })
          : undefined,
    });
    expect(answer).toEqual({ did: 'nothing', why: 'committed by another' });
    expect(sentBriefly()).toEqual([1]);
  });

  it('adds only counts that are not 0', async () => {
    const { tally } = await worked({ rows: { failed: 1, ok: 0 } });
    expect(tally).toEqual({ [markName(0)]: 1, n: 1, failed: 1 });
  });

  it('with its lease lost writes nothing', async () => {
    const { answer, did } = await worked({ works: { state: 'lost', cursor: 0 } });
    expect(answer).toEqual({ did: 'nothing', why: 'lease lost' });
    expect(did.some((one) => one.startsWith('write'))).toBe(false);
  });

  it('by a pause saves, and leaves the sending to whoever resumes', async () => {
    const { answer, did, record, sent } = await worked({
      works: { state: 'pause', cursor: 0 },
      rows: {},
    });
    expect(answer).toEqual({ did: 'handed back', why: 'pause' });
    expect(did).toContain(`write ${savedKey(CHUNK, 1, 1)}`);
    expect(record).toMatchObject({ lease: 0, resumeAt: 0, attempts: 0, saves: 1 });
    expect(record).not.toHaveProperty('owner');
    expect(sent).toEqual([]);
  });

  it('because its time is over sends the chunk again at once', async () => {
    const { answer, sent } = await worked({ works: { state: 'drain', cursor: 0 }, rows: {} });
    expect(answer).toEqual({ did: 'handed back', why: 'drain' });
    expect(sent).toMatchObject([{ queue: 'stage-0', message: { chunk: 0 }, delayMs: 0 }]);
  });

  it('until later sends it with that delay and room for clocks that are behind', async () => {
    const works = { state: 'drain' as const, cursor: 0, resumeAt: NOW + 7_000.5 };
    const { answer, record, sent } = await worked({ works, rows: {}, skewMs: 2_000 });
    expect(answer).toEqual({ did: 'handed back', why: 'deferred' });
    expect(record).toMatchObject({ resumeAt: NOW + 7_001, attempts: 0 });
    expect(sent).toMatchObject([{ delayMs: 7_001 + 4_000 }]);
    const past = await worked({ works: { ...works, resumeAt: NOW - 50 }, rows: {} });
    expect(past.sent).toMatchObject([{ delayMs: 0 }]);
  });

  it('and whose hand-back is refused sends nothing', async () => {
    const { sent } = await worked({
      works: { state: 'drain', cursor: 0 },
      rows: {},
      onChange: (key, change) =>
        key.sort.startsWith('C') && change.set?.['lease'] === 0
          ? Promise.resolve({ applied: false, record: undefined, retried: false })
          : undefined,
    });
    expect(sent).toEqual([]);
  });

  it('because a store is away pauses the batch with the reason', async () => {
    const works = { state: 'pause' as const, cursor: 0, blocked: 'DISK_FULL: no room' };
    const { answer, batch, engine } = await worked({ works, rows: {} });
    expect(answer).toEqual({ did: 'handed back', why: 'pause' });
    expect(await batch()).toMatchObject({ stop: 'pause', reason: 'DISK_FULL: no room' });
    expect(engine.log).toBeDefined();
  });

  it('by a cancel records what is left as not run', async () => {
    const { answer, did } = await worked({ works: { state: 'cancel' }, rows: { notRun: 1 } });
    expect(answer).toMatchObject({ did: 'committed', part: { counts: { notRun: 1 } } });
    expect(did.indexOf('not run')).toBeLessThan(did.indexOf(`write ${partKey(CHUNK, 1)}`));
    expect((await worked({})).did).not.toContain('not run');
  });

  it('on an input that changed stops the batch, and gives the chunk back as it was', async () => {
    const broken = new SluiceError('INPUT_CHANGED', 'It changed.');
    const chunks = { 0: { cursor: 0, part: 'before', saves: 4, epoch: 1 } };
    const { answer, batch, record, sentBriefly, did } = await worked({ broken, chunks });
    expect(answer).toEqual({ did: 'handed back', why: 'cancel' });
    expect(await batch()).toMatchObject({ stop: 'broken', reason: 'It changed.' });
    expect(record).toMatchObject({ lease: 0, resumeAt: 0, part: 'before', saves: 5, attempts: 0 });
    expect(sentBriefly()).toContain(0);
    expect(did.filter((one) => one.startsWith('delete'))).toEqual([]);
  });

  it('on any other error throws it: the message comes again', async () => {
    const { answer, did, record } = await worked({ broken: new Error('no memory') });
    expect(answer).toBe('no memory');
    expect(did.at(-1)).toBe('drop');
    expect(record).toMatchObject({ lease: NOW + 500, epoch: 1 });
  });
});

describe('the rows of an attempt', () => {
  it('are saved while it runs, each time under a number of its own, and the ones before removed', async () => {
    const chunks = { 0: { saves: 3, part: 'old', epoch: 1 } };
    const onlySave: Play = { chunks, works: { state: 'lost', cursor: 0 }, rows: {} };
    const { control, raw } = await worked(onlySave);
    const keys: string[] = [];
    const write = async (key: string) => {
      keys.push(key);
      return { bytes: 0, counts: { ...COUNTS, ok: 1 }, codes: {}, durations: [] as never };
    };
    expect(await control?.save?.({ write })).toBe(true);
    expect(await raw.read(chunkKey(CHUNK))).toMatchObject({
      ...{ cursor: 1, part: savedKey(CHUNK, 2, 4), saves: 4, attempts: 0, epoch: 2 },
    });
    // Nothing new: the attempt counts as before.
    await raw.change(chunkKey(CHUNK), { when: [], set: { attempts: 2 } });
    expect(await control?.save?.({ write })).toBe(true);
    expect(await raw.read(chunkKey(CHUNK))).toMatchObject({ saves: 5, attempts: 2 });
    expect(keys).toEqual([savedKey(CHUNK, 2, 4), savedKey(CHUNK, 2, 5)]);
    await raw.change(chunkKey(CHUNK), { when: [], set: { epoch: 9 } });
    expect(await control?.save?.({ write })).toBe(false);
    expect(await control?.save?.({ write })).toBe(false);
    expect(keys).toHaveLength(3);
  });
});
