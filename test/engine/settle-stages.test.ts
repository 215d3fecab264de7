import { describe, expect, it } from 'vitest';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { stageKey, tallyKey } from '../../lib/core/keys.ts';
import { settle } from '../../lib/engine/settle.ts';
import { storedState } from '../support/stored-state.ts';

/** What stages are like that are not as they were made; `counts` are committed items of so many chunks `n`. */
interface StageState {
  planned?: number;
  rel?: number;
  sealed?: number;
  halt?: string;
  cur?: string;
  counts?: Record<string, number>;
}

const WINDOW = 4;

/** A batch of several stages as records, and what one settle of it releases and sends. */
async function settled(
  stages: StageState[],
  batch: Record<string, string | number> = {},
  objects = true,
) {
  const { tolerate, ...record } = batch;
  const settings = {
    ...{ chunk: 10, stages: stages.map((_, at) => ({ name: `s${at}` })) },
    ...(tolerate === undefined ? {} : { tolerate: { count: tolerate } }),
  };
  const state = await storedState({
    window: WINDOW,
    batch: { settings: JSON.stringify(settings), ...record },
  });
  const id = (stage: number) => ({ batch: 'b', round: 0, stage });
  for (const [at, { counts, ...fields }] of stages.entries()) {
    const fresh = { v: 1, stages: stages.length, cur: '', planned: 0, rel: 0, haltVer: 0, low: 0 };
    await state.raw.change(stageKey(id(at)), { when: [], set: { ...fresh, ...fields } });
    if (counts !== undefined)
      await state.raw.change(tallyKey(id(at), 0), { when: [], set: counts });
  }
  const engine = objects ? { ...state.engine, objects: memoryObjectStore() } : state.engine;
  await settle(engine, id(0));
  return {
    ...state,
    sent: state.sent.map(({ queue, message }) =>
      message.step === 'work' ? `${queue} ${message.chunk}` : `${message.step} ${message.round}`,
    ),
    released: async () =>
      Promise.all(stages.map(async (_, at) => (await state.raw.read(stageKey(id(at))))?.['rel'])),
  };
}

const full = { planned: 9, rel: 0, sealed: 9 };

describe('settle of several stages', () => {
  it.each<[string, number, number, number[]]>([
    // Two windows of the next stage are planned and not committed: this one gives it no more.
    ['none while two windows wait behind it', 2 * WINDOW, 0, [0, WINDOW]],
    ['its window while one chunk less waits', 2 * WINDOW - 1, 0, [WINDOW, WINDOW]],
    ['its window when one of those is committed', 2 * WINDOW, 1, [WINDOW, WINDOW + 1]],
  ])('releases %s', async (_what, planned, done, expected) => {
    const behind = { planned, rel: done, counts: { n: done, ok: 10 * done } };
    const { released, sent } = await settled([full, behind]);
    expect(await released()).toEqual(expected);
    const [first, second] = expected as [number, number];
    expect(sent.sort()).toEqual([
      ...Array.from({ length: first }, (_, at) => `stage-0 ${at}`),
      ...Array.from({ length: second - done }, (_, at) => `stage-1 ${done + at}`),
    ]);
  });

  it('releases in each stage by what waits behind it alone', async () => {
    const { released } = await settled([full, { planned: 2 * WINDOW }, { planned: 1 }]);
    expect(await released()).toEqual([0, WINDOW, 1]);
  });

  it('plans no later stage where it has no objects to plan it from, and releases all the same', async () => {
    const { released } = await settled([full, {}], {}, false);
    expect(await released()).toEqual([WINDOW, 0]);
  });

  it.each<[string, Record<string, string | number>]>([
    ['has ended', { status: 'done' }],
    ['is in another round', { round: 1 }],
  ])('does nothing for a batch that %s', async (_what, batch) => {
    const { released, sent } = await settled([full, { planned: 3 }], batch);
    expect([await released(), sent]).toEqual([[0, 0], []]);
  });

  const through = (n: number) => ({ planned: n, rel: n, sealed: n, counts: { n, ok: n } });

  it.each<[string, StageState[], string[]]>([
    ['all of the last stage is committed', [through(2), through(3)], ['finalise 0']],
    ['nothing came through to the last stage', [through(2), through(0)], ['finalise 0']],
    [
      'of the last stage a chunk is open',
      [through(2), { ...through(3), counts: { n: 2, ok: 2 } }],
      [],
    ],
    [
      'the last stage is not sealed',
      [through(2), { planned: 3, rel: 3, counts: { n: 3, ok: 3 } }],
      [],
    ],
  ])(
    'ends the batch only when its last stage is sealed and committed: %s',
    async (_what, stages, sent) => {
      expect((await settled(stages, {}, false)).sent).toEqual(sent);
    },
  );

  const halted = (rel: number, n: number) => ({
    planned: 9,
    rel,
    halt: 'cancel',
    counts: { n, notRun: n },
  });

  it.each<[string, StageState[], string[]]>([
    ['all that was released is committed', [halted(4, 4), halted(2, 2)], ['finalise 0']],
    ['the first stage has an open chunk', [halted(4, 3), halted(2, 2)], []],
    ['the last stage has an open chunk', [halted(4, 4), halted(2, 1)], []],
    ['a stage does not know of it yet', [halted(4, 4), { ...halted(2, 2), halt: '' }], []],
  ])(
    'ends a cancelled batch when every stage is, and has committed what it released: %s',
    async (_what, given, sent) => {
      const stages = given.map(({ halt, ...stage }) =>
        halt ? { ...stage, halt } : { ...stage, planned: stage.rel ?? 0 },
      );
      expect((await settled(stages, { stop: 'cancel', ver: 1 }, false)).sent).toEqual(sent);
    },
  );

  it('ends no batch that is paused, though all that was released is committed', async () => {
    const paused = (rel: number) => ({ ...halted(rel, rel), halt: 'pause' });
    expect((await settled([paused(4), paused(2)], { stop: 'pause', ver: 1 }, false)).sent).toEqual(
      [],
    );
  });

  it.each([
    [5, 'threshold'],
    [6, 'none'],
  ])(
    'counts the failed items of all stages against what is tolerated: %i',
    async (tolerate, stop) => {
      const failing = { planned: 2, rel: 2, counts: { n: 1, failed: 3, ok: 7 } };
      const { batch } = await settled([failing, failing], { tolerate }, false);
      expect(await batch()).toMatchObject({ stop });
      if (stop === 'none') return;
      expect((await batch())?.['reason']).toBe('6 of 20 items failed; tolerated: 5 items');
    },
  );
});
