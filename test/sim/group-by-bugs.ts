import type { Edit } from './bundle.ts';
import type { Tune } from './config.ts';

const PLAN = 'lib/engine/plan-groups.ts';
const STAGES = 'lib/engine/settle-stages.ts';
const ATTEMPT = 'lib/engine/attempt.ts';
const INPUT = 'lib/engine/group-input.ts';

/** Nine groups of some 30 rows, between two stages. */
const GROUPED: Tune = {
  stages: 3,
  groupAt: 1,
  items: 40,
  chunk: 3,
  cancelAt: undefined,
  changedAt: undefined,
  tolerate: undefined,
};
/** Rows are saved, and claims are overtaken. */
const DEADLY: Tune = {
  ...GROUPED,
  shape: 'cloud',
  gentle: false,
  itemMs: 3_000,
  rates: { crashAfter: 0.02, stall: 0.03, messageDuplicated: 0.4, sigterm: 0.1 },
};

const SETTLE_LOOK =
  'if (before?.stage.sealed === undefined || before.sums.done < before.stage.sealed) return false;';
const PLAN_LOOK = 'if (earlier.sealed === undefined || sums.done < earlier.sealed) return changed;';

/** Bugs of groupBy: when it begins, by what it is cut, and what lies beside a part. */
export const GROUP_BY_BUGS: readonly { name: string; tune: Tune; edits: Edit[] }[] = [
  {
    name: 'a groupBy begins before the stage before is sealed',
    tune: { ...GROUPED, planMs: 20_000 },
    edits: [
      {
        file: STAGES,
        find: SETTLE_LOOK,
        replace: 'if (!before?.sums.done || before.sums.done < before.stage.planned) return false;',
      },
      {
        file: PLAN,
        find: PLAN_LOOK,
        replace: 'if (sums.done < earlier.planned) return changed;',
      },
      {
        file: PLAN,
        find: 'parts: earlier.sealed }',
        replace: 'parts: earlier.planned }',
      },
    ],
  },
  {
    name: 'a groupBy begins when the stage before is sealed, not committed',
    tune: GROUPED,
    edits: [
      {
        file: STAGES,
        find: SETTLE_LOOK,
        replace: 'if (before?.stage.sealed === undefined) return false;',
      },
      { file: PLAN, find: PLAN_LOOK, replace: 'if (earlier.sealed === undefined) return changed;' },
      {
        file: PLAN,
        find: 'parts: earlier.sealed }',
        replace: 'parts: sums.done }',
      },
    ],
  },
  {
    name: 'a commit does not wait for what is grouped',
    tune: GROUPED,
    edits: [
      {
        file: ATTEMPT,
        find: 'if (shuffle !== undefined) await objects.put(shuffleKey(',
        replace:
          'const late = () => undefined;\n  if (shuffle !== undefined) void objects.put(shuffleKey(',
      },
      {
        file: ATTEMPT,
        find: 'spec.epoch), shuffle);',
        replace: 'spec.epoch), shuffle).catch(late);',
      },
    ],
  },
  {
    name: 'what is grouped is found by the epoch of the chunk, not of the mark',
    tune: DEADLY,
    edits: [
      {
        file: PLAN,
        find: 'import { type StageId,',
        replace: 'import { chunkKey, type StageId,',
      },
      {
        file: PLAN,
        find: 'async ({ chunk: part, epoch }) => {',
        replace: `async ({ chunk: part }) => {
    const epoch = (await store.read(chunkKey({ ...id, chunk: part })))?.['epoch'] as number;`,
      },
    ],
  },
  {
    name: 'which parts count is stored after the chunks are planned',
    tune: { ...GROUPED, rates: { crashAfter: 0.02 } },
    edits: [
      {
        file: PLAN,
        find: '  await objects.put(shuffleListKey(before), list);\n',
        replace: '  late = () => objects.put(shuffleListKey(before), list);\n',
      },
      {
        file: PLAN,
        find: '      await ports.store.change(stageKey(id), seal(stage.cur, stage.planned, {}));',
        replace:
          '      await ports.store.change(stageKey(id), seal(stage.cur, stage.planned, {}));\n      await late();',
      },
      {
        file: PLAN,
        find: 'const READS_AT_ONCE = 16;',
        replace: 'const READS_AT_ONCE = 16;\nlet late = async (): Promise<void> => undefined;',
      },
    ],
  },
  {
    name: 'two planners of a groupBy cut otherwise',
    tune: { ...DEADLY, chunk: 1 },
    edits: [
      {
        file: PLAN,
        find: 'return cutGroups(blocks, { parts, chunk });',
        replace: 'looks += 1;\n  return cutGroups(blocks, { parts, chunk: chunk + (looks % 2) });',
      },
      {
        file: PLAN,
        find: 'const READS_AT_ONCE = 16;',
        replace: 'const READS_AT_ONCE = 16;\nlet looks = 0;',
      },
    ],
  },
  {
    name: 'rows that were saved are not grouped',
    tune: DEADLY,
    edits: [
      {
        file: ATTEMPT,
        find: 'return (outcomes) => shuffleOf(outcomes, next, keys);',
        replace:
          'return (outcomes) => shuffleOf(cursor > 0 ? outcomes.slice(1) : outcomes, next, keys);',
      },
      {
        file: ATTEMPT,
        find: '{ spec: { id, epoch }, next }',
        replace: '{ spec: { id, epoch, cursor }, next }',
      },
    ],
  },
  {
    name: 'nobody looks after a groupBy was planned',
    tune: { ...GROUPED, gentle: true },
    edits: [
      {
        file: STAGES,
        find: 'return await planGroups({ store, objects }, id, { chunk, batch });',
        replace: 'await planGroups({ store, objects }, id, { chunk, batch });\n      return false;',
      },
    ],
  },
  {
    name: 'rows of a group come as they were read, not by their parts',
    tune: GROUPED,
    edits: [
      {
        file: INPUT,
        find: 'const sources = await shuffleSources(objects, before);',
        replace: `const sources = (await shuffleSources(objects, before))
    .map(({ key, ...rest }) => ({ key, ...rest, by: key.length + id.chunk + key.charCodeAt(key.length - 6) }))
    .sort((a, b) => (a.by % 3) - (b.by % 3));`,
      },
    ],
  },
  {
    name: "the last prefix of a chunk is also the next one's",
    tune: GROUPED,
    edits: [
      {
        file: INPUT,
        find: 'const span = { lo: range.start, hi: range.end };',
        replace: 'const span = { lo: range.start, hi: range.end + 2 ** 26 };',
      },
    ],
  },
];

/** What failed on both sides of a groupBy is retried, twice. */
const TWICE: Tune = {
  ...GROUPED,
  killer: undefined,
  fickle: false,
  retry: { rounds: 2, afterMs: 0, filter: {}, rival: false, cancelAfterMs: undefined },
};
/** The first retry is cancelled under way. */
const CUT_SHORT: Tune = {
  ...TWICE,
  itemMs: 3_000,
  retry: { rounds: 2, afterMs: 0, filter: {}, rival: false, cancelAfterMs: 8_000 },
};
/** Groups of a round that is cancelled after them are done. */
const CUT_LATE: Tune = {
  ...CUT_SHORT,
  retry: { ...CUT_SHORT.retry, cancelAfterMs: 14_000 } as never,
};

const planted = (
  name: string,
  tune: Tune,
  [file, find, replace]: [string, string, string],
): (typeof GROUP_BY_BUGS)[number] => ({ name, tune, edits: [{ file, find, replace }] });

/** Bugs of rounds over a groupBy: what is grouped again, and what it replaces. */
export const GROUP_ROUND_BUGS: typeof GROUP_BY_BUGS = [
  planted('a later round groups what it gave itself, and nothing else', TWICE, [
    PLAN,
    '? before.round : 0;',
    '? 0 * before.round : 0;',
  ]),
  planted('what a round gave that was cut short is grouped', CUT_SHORT, [
    PLAN,
    'if (round > 0 && isCancel(own.stop)) continue;',
    'if (round < 0 && isCancel(own.stop)) continue;',
  ]),
  planted('rows of a group come round by round', TWICE, [
    'lib/engine/group.ts',
    'if (rounds.length > 1) {',
    'if (rounds.length > 99) {',
  ]),
  planted('groups of the round before count beside the new ones', TWICE, [
    'lib/engine/merge-round.ts',
    'counts[status] -= replaced.counts[status];',
    'counts[status] -= 0 * replaced.counts[status];',
  ]),
  planted('failed groups of the round before stay failed beside the new ones', TWICE, [
    'lib/engine/merge-round.ts',
    'if ((next.failure.stage ?? 0) < replaced.from) await',
    'if ((next.failure.stage ?? 0) < replaced.from + 9) await',
  ]),
  planted('a round that was cut short replaces the groups', CUT_LATE, [
    'lib/engine/round-report.ts',
    'from === Number.POSITIVE_INFINITY || wasCutShort(batch)',
    'from === Number.POSITIVE_INFINITY',
  ]),
  planted('what reached a groupBy counts where the round was cut short', CUT_SHORT, [
    'lib/engine/came-through.ts',
    'all = after?.[at] === 1;',
    'all = id.stage + 1 === whole || after?.[at] === 1;',
  ]),
  planted('items behind a groupBy are numbered on', TWICE, [
    'lib/engine/origin-chunks.ts',
    '.slice(round === 0 ? 0 : 1, whole)',
    '.slice(round === 0 ? 0 : 1, whole + 9)',
  ]),
  planted('failed groups are listed as items to be retried', TWICE, [
    'lib/engine/plan-retry.ts',
    'if (grouped) continue;',
    'if (grouped && (failure.stage ?? 0) < 0) continue;',
  ]),
  planted('what is open is told from the tallies', TWICE, [
    'lib/engine/came-through.ts',
    'wasCutShort(batch) || (batch.round > 0 &&',
    'wasCutShort(batch) || (batch.round < 0 &&',
  ]),
];
