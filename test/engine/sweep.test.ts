import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { liveKey, stageKey } from '../../lib/core/keys.ts';
import { listBatches, readBatch } from '../../lib/engine/batch.ts';
import { GRACE_MS, liveBatch, sweepBatch } from '../../lib/engine/sweep.ts';
import { committedChunks, type StateOptions, storedState } from '../support/stored-state.ts';

const NOW = 10_000_000;
/** Sealed, so that nothing is planned; one chunk, so that nothing is released. */
const ONE = { planned: 1, rel: 1, sealed: 1 };

async function swept(options: StateOptions, graceMs = GRACE_MS) {
  const state = await storedState({ now: NOW, ...options });
  const batch = await readBatch(state.engine.store, 'b');
  if (batch === undefined) throw new Error('no batch');
  const again = () => sweepBatch(state.engine, batch, { graceMs });
  return { ...state, answer: await again(), again };
}

describe('a sweep sends a released chunk again', () => {
  const late = NOW - GRACE_MS - 1;
  it.each<[string, Record<string, number | string>, number[]]>([
    ['its lease ended longer ago than the grace', { lease: late, owner: 'o' }, [0]],
    ['its lease ended within the grace', { lease: late + 1, owner: 'o' }, []],
    ['its lease lasts', { lease: NOW + 1, owner: 'o' }, []],
    ['its lease ends now', { lease: NOW, owner: 'o' }, []],
    ['it was sent longer ago than the grace', { sentAt: late }, [0]],
    ['it was sent within the grace', { sentAt: late + 1 }, []],
    ['it may run since longer than the grace', { resumeAt: late }, [0]],
    ['it may run since less than the grace', { resumeAt: late + 1 }, []],
    ['it may not run yet', { resumeAt: NOW + 1, sentAt: late }, []],
    ['its lease ended long ago, but it was sent since', { lease: late, sentAt: late + 1 }, []],
    ['it was sent long ago, but leased since', { lease: late + 1, sentAt: late }, []],
  ])('%s', async (_what, fields, sent) => {
    const { sentBriefly, answer, chunk } = await swept({ stage: ONE, chunks: { 0: fields } });
    expect(sentBriefly()).toEqual(sent);
    expect(answer).toEqual({ resent: sent.length, stalled: false });
    if (sent.length > 0) expect(await chunk(0)).toMatchObject({ sentAt: NOW });
  });

  it('only at the second look when nobody ever claimed it: its message may be on its way', async () => {
    const { sentBriefly, again, pass, chunk } = await swept({ stage: ONE });
    expect(sentBriefly()).toEqual([]);
    expect(await chunk(0)).toMatchObject({ sentAt: NOW });
    pass(GRACE_MS);
    await again();
    expect(sentBriefly()).toEqual([]);
    pass(1);
    expect(await again()).toMatchObject({ resent: 1 });
    expect(sentBriefly()).toEqual([0]);
  });

  it('of a cancelled stage without its delay, of a paused one not at all', async () => {
    const chunks = { 0: { resumeAt: NOW + 60_000, sentAt: late } };
    const cancel = { batch: { stop: 'cancel', ver: 1 }, stage: { planned: 1, rel: 1 }, chunks };
    expect((await swept(cancel)).sentBriefly()).toEqual([0]);
    const pause = { batch: { stop: 'pause', ver: 1 }, stage: ONE, chunks: { 0: { sentAt: late } } };
    const { sentBriefly, stage, answer } = await swept(pause);
    expect([sentBriefly(), answer.resent]).toEqual([[], 0]);
    expect(await stage()).toMatchObject({ halt: 'pause', haltVer: 1 });
  });

  it('but not when somebody claimed it since it looked', async () => {
    const state: Awaited<ReturnType<typeof storedState>> = await storedState({
      now: NOW,
      stage: ONE,
      chunks: { 0: { sentAt: late } },
      onChange: (key) =>
        key.sort.startsWith('C')
          ? Promise.resolve({ applied: false, record: undefined, retried: false })
          : undefined,
    });
    const batch = await readBatch(state.engine.store, 'b');
    if (batch === undefined) throw new Error('no batch');
    expect(await sweepBatch(state.engine, batch, { graceMs: GRACE_MS })).toMatchObject({
      resent: 0,
    });
    expect(state.sent).toEqual([]);
  });

  it('exactly those that are released and not marked, over several tallies (property)', async () => {
    const numbers = fc.uniqueArray(fc.nat(219), { maxLength: 60 });
    const sentAt = Object.fromEntries(
      Array.from({ length: 220 }, (_, at) => [at, { sentAt: late }]),
    );
    await fc.assert(
      fc.asyncProperty(numbers, fc.integer({ min: 1, max: 220 }), async (marked, rel) => {
        const committed = Object.assign(
          {},
          ...marked.filter((at) => at < rel).map((at) => committedChunks(at, at + 1, {})),
        ) as Record<number, Record<string, number>>;
        const { sentBriefly } = await swept({
          // Halted by a cancel: nothing is planned, nothing released.
          batch: { stop: 'cancel', ver: 1 },
          stage: { planned: 220, rel, halt: 'cancel', haltVer: 1 },
          committed,
          chunks: sentAt,
        });
        const open = Array.from({ length: rel }, (_, at) => at).filter((at) => !committed[at]);
        expect(sentBriefly().filter((one) => one !== 'finalise')).toEqual(open);
      }),
      { numRuns: 20 },
    );
  });

  it('not those of full tallies', async () => {
    const stage = { planned: 101, rel: 101, sealed: 101, low: 1, 'l.n': 100 };
    const chunks = { 5: { sentAt: late }, 100: { sentAt: late } };
    expect((await swept({ stage, chunks })).sentBriefly()).toEqual([100]);
  });
});

describe('a resume sends', () => {
  it('at once what nobody holds, with the rest of its delay', async () => {
    const chunks = { 0: { resumeAt: NOW + 5_000 }, 1: { lease: NOW + 1, owner: 'o' }, 2: {} };
    const stage = { planned: 3, rel: 3, sealed: 3 };
    const { sent } = await swept({ stage, chunks }, 0);
    expect(sent.map(({ message, delayMs }) => [message.chunk, delayMs])).toEqual([
      [0, 5_000],
      [2, 0],
    ]);
  });

  it('what a process held that is dead, be its lease as long as it may', async () => {
    const options = { now: NOW, stage: ONE, chunks: { 0: { lease: NOW + 60_000, owner: 'gone' } } };
    for (const graceMs of [0, GRACE_MS]) {
      const state = await storedState(options);
      state.host.dead.add('gone');
      const batch = await readBatch(state.engine.store, 'b');
      if (batch === undefined) throw new Error('no batch');
      await sweepBatch(state.engine, batch, { graceMs });
      expect(state.sentBriefly()).toEqual([0]);
    }
  });
});

describe('a sweep and planning', () => {
  it('sends it again when the cursor is where it was a sweep ago', async () => {
    const { sentBriefly, again, stage, raw } = await swept({ stage: { cur: '0:5:5' } });
    expect(sentBriefly()).toEqual([]);
    expect(await stage()).toMatchObject({ swept: '0:5:5' });
    await again();
    expect(sentBriefly()).toEqual(['plan']);
    await raw.change({ batch: 'b', sort: 'S0000/00' }, { when: [], set: { cur: '0:9:9' } });
    await again();
    expect(sentBriefly()).toEqual(['plan']);
    expect(await stage()).toMatchObject({ swept: '0:9:9' });
  });

  it('sends it at once at a resume, never when sealed or halted', async () => {
    expect((await swept({}, 0)).sentBriefly()).toEqual(['plan']);
    expect(
      (await swept({ stage: ONE, committed: committedChunks(0, 1, {}) }, 0)).sentBriefly(),
    ).toEqual(['finalise']);
    const halted = { batch: { stop: 'pause', ver: 2 }, stage: { swept: '' } };
    expect((await swept(halted, 0)).sentBriefly()).toEqual([]);
  });
});

describe('of several stages', () => {
  it.each<[string, Record<string, number | string>]>([
    ['none is sealed', {}],
    ['the first is sealed', { sealed: 0 }],
  ])('one planner is told, which settles all: %s', async (_what, stage) => {
    const stages = [{}, {}, {}];
    const state = await storedState({
      ...{ now: NOW, stage: { stages: 3, ...stage } },
      batch: { settings: JSON.stringify({ stages }) },
    });
    const { engine, raw, sentBriefly } = state;
    for (const later of [1, 2]) {
      const set = { v: 1, stages: 3, cur: '', planned: 0, rel: 0, haltVer: 0, low: 0 };
      const key = stageKey({ batch: 'b', round: 0, stage: later });
      await raw.change(key, { when: [], set });
    }
    const batch = await readBatch(engine.store, 'b');
    for (const graceMs of [0, GRACE_MS, GRACE_MS]) {
      await sweepBatch(engine, batch as NonNullable<typeof batch>, { graceMs });
    }
    // At the resume, and where nothing moved from one sweep to the next.
    expect(sentBriefly()).toEqual(['plan', 'plan']);
  });
});

describe('a sweep tells of a batch that stands still', () => {
  const HALF_AN_HOUR = 1_800_000;

  it('after half an hour without a commit, and no longer once there is one', async () => {
    const { answer, again, pass, stage, raw } = await swept({
      stage: { ...ONE, planned: 2, sealed: 2 },
      window: 1,
      chunks: { 0: { lease: NOW * 2, owner: 'o' } },
    });
    expect(answer.stalled).toBe(false);
    expect(await stage()).toMatchObject({ progress: 0, progressAt: NOW });
    pass(HALF_AN_HOUR);
    expect((await again()).stalled).toBe(false);
    pass(1);
    expect((await again()).stalled).toBe(true);
    expect(await stage()).toMatchObject({ progress: 0, progressAt: NOW });
    const tally = { batch: 'b', sort: 'T0000/00/0000000' };
    await raw.change(tally, { when: [], set: { n: 1, m0: 1, ok: 1 } });
    expect((await again()).stalled).toBe(false);
    expect(await stage()).toMatchObject({ progress: 1, progressAt: NOW + HALF_AN_HOUR + 1 });
  });

  it('not of one that is paused', async () => {
    const stage = { ...ONE, progress: 0, progressAt: 1 };
    const chunks = { 0: { lease: NOW * 2, owner: 'o' } };
    expect((await swept({ stage, chunks })).answer.stalled).toBe(true);
    const paused = { batch: { stop: 'pause', ver: 1 }, stage, chunks };
    expect((await swept(paused)).answer.stalled).toBe(false);
  });
});

describe('the list of batches', () => {
  const entry = { id: 'b', job: 'j', input: 'i', startedAt: 0, round: 0, status: 'running' };

  async function listed(batch: StateOptions['batch'], fields = {}) {
    const { engine, raw } = await storedState({ ...(batch === undefined ? {} : { batch }) });
    await raw.change(liveKey('b'), { when: [], set: { v: 1, ...entry, ...fields } });
    const [line] = await listBatches(engine.store);
    if (line === undefined) throw new Error('no entry');
    const found = await liveBatch(engine.store, line);
    return {
      found: typeof found === 'string' ? found : found.id,
      after: await raw.read(liveKey('b')),
    };
  }

  it('gives what runs or ends', async () => {
    expect((await listed({})).found).toBe('b');
    expect((await listed({ status: 'ending' })).found).toBe('b');
  });

  it('is closed where the batch has ended, in the same round only', async () => {
    const ended = { status: 'failed', end: 'failed' };
    expect(await listed(ended)).toMatchObject({ found: 'ended', after: { status: 'failed' } });
    const later = await listed(ended, { round: 1 });
    expect(later).toMatchObject({ found: 'ended', after: { status: 'running' } });
    expect((await listed({}, { status: 'done' })).found).toBe('ended');
  });

  it('may hold one that was never started', async () => {
    const { engine } = await storedState({});
    const live = { ...entry, id: 'other', status: 'running' as const };
    expect(await liveBatch(engine.store, live)).toBe('absent');
  });
});
