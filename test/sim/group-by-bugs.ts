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
        find: '{ parts: earlier.sealed, chunk }',
        replace: '{ parts: earlier.planned, chunk }',
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
        find: '{ parts: earlier.sealed, chunk }',
        replace: '{ parts: sums.done, chunk }',
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
    const epoch = (await store.read(chunkKey({ ...before, chunk: part })))?.['epoch'] as number;`,
      },
    ],
  },
  {
    name: 'which parts count is stored after the chunks are planned',
    tune: { ...GROUPED, rates: { crashAfter: 0.02 } },
    edits: [
      {
        file: PLAN,
        find: '  await objects.put(shuffleListKey(before), listBytes(epochs));\n',
        replace: '  late = () => objects.put(shuffleListKey(before), listBytes(epochs));\n',
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
        find: 'return (outcomes) => shuffleOf(outcomes, next);',
        replace: 'return (outcomes) => shuffleOf(cursor > 0 ? outcomes.slice(1) : outcomes, next);',
      },
      {
        file: ATTEMPT,
        find: '{ id, epoch }: AttemptSpec,',
        replace: '{ id, epoch, cursor }: AttemptSpec,',
      },
    ],
  },
  {
    name: 'nobody looks after a groupBy was planned',
    tune: { ...GROUPED, gentle: true },
    edits: [
      {
        file: STAGES,
        find: 'return planGroups({ store, objects }, id, { chunk });',
        replace: 'await planGroups({ store, objects }, id, { chunk });\n    return false;',
      },
    ],
  },
  {
    name: 'rows of a group come as they were read, not by their parts',
    tune: GROUPED,
    edits: [
      {
        file: INPUT,
        find: 'const sources = epochs.map((epoch, chunk) => shuffleKey({ ...before, chunk }, epoch));',
        replace: `const sources = epochs
    .map((epoch, chunk) => shuffleKey({ ...before, chunk }, epoch))
    .sort((a, b) => ((a.length + id.chunk + a.charCodeAt(a.length - 6)) % 3) - ((b.length + id.chunk + b.charCodeAt(b.length - 6)) % 3));`,
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
