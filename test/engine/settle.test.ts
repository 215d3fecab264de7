import { describe, expect, it } from 'vitest';
import { stageKey } from '../../lib/core/keys.ts';
import { release } from '../../lib/core/transitions.ts';
import { settle } from '../../lib/engine/settle.ts';
import { committedChunks, STAGE, type StateOptions, storedState } from '../support/stored-state.ts';

async function settled(options: StateOptions) {
  const state = await storedState(options);
  await settle(state.engine, STAGE);
  return state;
}

/** Its stage is still there. */
async function withoutBatch(options: StateOptions) {
  const state = await storedState(options);
  const { read } = state.engine.store;
  state.engine.store.read = (key) => (key.sort === 'B' ? Promise.resolve(undefined) : read(key));
  return state;
}

describe('settle releases', () => {
  it('up to the window beyond what is committed, and sends just that', async () => {
    const { sent, stage } = await settled({
      stage: { planned: 3, rel: 1 },
      committed: { 0: { ok: 1 } },
    });
    expect(await stage()).toMatchObject({ rel: 3 });
    const message = { v: 1, step: 'work', batch: 'b', round: 0, stage: 0 };
    expect(sent).toEqual([
      { queue: 'stage-0', message: { ...message, chunk: 1 }, delayMs: 0 },
      { queue: 'stage-0', message: { ...message, chunk: 2 }, delayMs: 0 },
    ]);
  });

  it('nothing while the stage is halted', async () => {
    const state = await settled({ stage: { planned: 3, rel: 1, halt: 'pause' } });
    expect(await state.stage()).toMatchObject({ rel: 1 });
    expect(state.sent).toEqual([]);
  });

  it('and records the sums of full tallies in the same change', async () => {
    const { stage } = await settled({
      stage: { planned: 103, rel: 101 },
      committed: committedChunks(0, 101, { ok: 3, failed: 1 }),
    });
    expect(await stage()).toMatchObject({
      rel: 103,
      low: 1,
      'l.n': 100,
      'l.ok': 300,
      'l.failed': 100,
    });
  });

  it('nothing twice: another got there first, and this one sends only what it then releases itself', async () => {
    let first = true;
    const state: Awaited<ReturnType<typeof storedState>> = await storedState({
      stage: { planned: 6, rel: 0 },
      window: 6,
      onChange: (key) => {
        if (!first || key.sort !== stageKey(STAGE).sort) return undefined;
        first = false;
        const refused = { applied: false, record: undefined, retried: false };
        // The other one had seen four of the chunks planned.
        return state.raw.change(stageKey(STAGE), release(0, 4, {})).then(() => refused);
      },
    });
    await settle(state.engine, STAGE);
    expect(await state.stage()).toMatchObject({ rel: 6 });
    expect(state.sentBriefly()).toEqual([4, 5]);
  });

  it('what a first try without an answer released is sent by whoever tried, and no more than that', async () => {
    let first = true;
    const state: Awaited<ReturnType<typeof storedState>> = await storedState({
      stage: { planned: 6, rel: 0, halt: '' },
      window: 6,
      onChange: (key) => {
        if (!first || key.sort !== stageKey(STAGE).sort) return undefined;
        first = false;
        const unheard = { applied: false, record: undefined, retried: true };
        const change = { when: [], set: { rel: 2, halt: 'pause' } };
        return state.raw.change(stageKey(STAGE), change).then(() => unheard);
      },
    });
    await state.raw.change(stageKey(STAGE), { when: [], remove: ['halt'] });
    await settle(state.engine, STAGE);
    expect(await state.stage()).toMatchObject({ rel: 2 });
    expect(state.sentBriefly()).toEqual([0, 1]);
  });
});

describe('settle asks for the end', () => {
  const complete = {
    stage: { planned: 2, rel: 2, sealed: 2 },
    committed: committedChunks(0, 2, {}),
  };

  it('when all chunks of a sealed stage are committed', async () => {
    const message = { v: 1, step: 'finalise', batch: 'b', round: 0 };
    expect((await settled(complete)).sent).toMatchObject([{ queue: 'orchestrator', message }]);
    expect((await settled({ ...complete, batch: { status: 'ending' } })).sent).toHaveLength(1);
  });

  it.each<[string, StateOptions]>([
    ['chunks are missing', { stage: complete.stage, committed: committedChunks(0, 1, {}) }],
    ['it is not sealed', { stage: { planned: 2, rel: 2 }, committed: complete.committed }],
    ['the batch has ended', { ...complete, batch: { status: 'done' } }],
    ['it is in another round', { ...complete, batch: { round: 1 } }],
  ])('not when %s', async (_what, options) => {
    expect((await settled(options)).sent).toEqual([]);
  });

  it('after a cancel when all that was released is committed, sealed or not', async () => {
    const stage = { planned: 5, rel: 2, halt: 'cancel' };
    const committed = committedChunks(0, 2, { notRun: 1 });
    expect((await settled({ stage, committed })).sentBriefly()).toEqual(['finalise']);
    expect((await settled({ stage: { ...stage, rel: 3 }, committed })).sent).toEqual([]);
  });

  it('not of a batch whose record is gone', async () => {
    const state = await withoutBatch(complete);
    await expect(settle(state.engine, STAGE)).resolves.toBeUndefined();
    expect(state.sent).toEqual([]);
  });
});

describe('settle judges the threshold', () => {
  const settings = (tolerate: unknown) => ({ settings: JSON.stringify({ tolerate }) });
  // Of 16 items 4 failed: 25 %.
  const committed = { 0: { ok: 7, skipped: 3, failed: 4, stalled: 2 } };
  const stage = { planned: 4, rel: 1, cur: 'x' };

  it.each([
    [{ count: 3, minSample: 100 }, '3 items'],
    [{ percent: 24, minSample: 16 }, '24 % of at least 16 items'],
    [{ count: 3, percent: 24, minSample: 100 }, '3 items or 24 % of at least 100 items'],
  ])('%j: stops, says why, and asks for the end of what was released', async (tolerate, words) => {
    const options = { batch: settings(tolerate), stage, committed, window: 1 };
    const { batch, stage: stageNow, sentBriefly } = await settled({ ...options });
    expect(await batch()).toMatchObject({
      stop: 'threshold',
      reason: `4 of 16 items failed; tolerated: ${words}`,
      ver: 1,
    });
    const { rel } = (await stageNow()) as { rel: number };
    expect(await stageNow()).toMatchObject({ halt: 'threshold', haltVer: 1 });
    expect(sentBriefly()).toEqual(Array.from({ length: rel - 1 }, (_, at) => at + 1));
  });

  it('and asks for the end itself when nothing is left to wait for', async () => {
    const done = { planned: 1, rel: 1, cur: 'x' };
    const options = { batch: settings({ count: 3, minSample: 0 }), stage: done, committed };
    expect((await settled(options)).sentBriefly()).toEqual(['finalise']);
  });

  it.each<[string, StateOptions]>([
    ['as many failed as are tolerated', { batch: settings({ count: 4, minSample: 0 }) }],
    ['the share is tolerated', { batch: settings({ percent: 25, minSample: 0 }) }],
    ['the sample is too small', { batch: settings({ percent: 1, minSample: 17 }) }],
    ['nothing is said about it', {}],
    ['it is in another round', { batch: { ...settings({ count: 0, minSample: 0 }), round: 1 } }],
    ['it ends', { batch: { ...settings({ count: 0, minSample: 0 }), status: 'ending' } }],
    [
      'it was cancelled',
      {
        batch: { ...settings({ count: 0, minSample: 0 }), stop: 'cancel', ver: 1 },
        stage: { ...stage, halt: 'cancel', haltVer: 1 },
      },
    ],
  ])('goes on when %s', async (_what, options) => {
    const { batch } = await settled({ stage, committed, ...options });
    expect((await batch())?.['stop']).toBe(options.batch?.['stop'] ?? 'none');
  });

  it('goes on when the record of the batch is gone', async () => {
    const state = await withoutBatch({ stage, committed });
    await expect(settle(state.engine, STAGE)).resolves.toBeUndefined();
  });
});
