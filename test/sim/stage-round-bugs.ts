import type { Bug } from './bugs.ts';
import type { Tune } from './config.ts';

const ORIGINS = 'lib/engine/origin-chunks.ts';
const THROUGH = 'lib/engine/came-through.ts';
const LISTED = 'lib/engine/plan-listed.ts';
const STAGE_PLAN = 'lib/engine/plan-stage.ts';
const PARTS = 'lib/core/cut-parts.ts';
const INPUT = 'lib/engine/stage-input.ts';
const MERGE = 'lib/engine/merge-round.ts';
const WORK = 'lib/engine/work-chunk.ts';
const LIST = 'lib/engine/retry-list.ts';

/** What failed in any of three stages is retried, twice. */
const TWICE: Tune = {
  ...{
    stages: 3,
    groupAt: undefined,
    items: 40,
    chunk: 3,
    cancelAt: undefined,
    changedAt: undefined,
  },
  ...{ tolerate: undefined, killer: undefined, fickle: false },
  retry: { rounds: 2, afterMs: 0, filter: {}, rival: false, cancelAfterMs: undefined },
};
/** The first retry is cancelled under way. */
const CUT_SHORT: Tune = {
  ...TWICE,
  itemMs: 3_000,
  retry: { rounds: 2, afterMs: 0, filter: {}, rival: false, cancelAfterMs: 6_000 },
};

const bug = (name: string, tune: Tune, [file, find, replace]: [string, string, string]): Bug => ({
  ...{ name, tune },
  edits: [{ file, find, replace }],
});

/** Bugs of rounds over several stages. */
export const STAGE_ROUND_BUGS: readonly Bug[] = [
  bug('new items are numbered anew in each round', TWICE, [
    ORIGINS,
    'nexts[id.stage] = next +',
    'nexts[id.stage] = 0 *',
  ]),
  bug('every item is looked for in what round 0 gave', TWICE, [
    ORIGINS,
    '...(round === 0 ? {} : { round }),',
    '...(round >= 0 ? {} : { round }),',
  ]),
  bug('the list of a later stage is left out', TWICE, [
    LISTED,
    'return from === undefined || from.end >= list.end ? undefined : from;',
    'return from === undefined || from.end >= list.start ? undefined : from;',
  ]),
  bug('behind the list places are counted anew', TWICE, [
    PARTS,
    'return { part: 0, row: 0, items: listed as number };',
    'return { part: 0, row: 0, items: 0 * (listed as number) };',
  ]),
  bug('new items are numbered by their places in the round', TWICE, [
    INPUT,
    'const indexes = block.rows.map((_, at) => next - items + block.first + at);',
    'const indexes = block.rows.map((_, at) => 0 * (next - items) + block.first + at);',
  ]),
  bug('the list of a stage waits for more room than there is', TWICE, [
    STAGE_PLAN,
    'if (stage.planned >= upTo) return changed;',
    'if (stage.planned + 200 >= upTo) return changed;',
  ]),
  bug('the lines of all stages are counted for the first', TWICE, [
    LIST,
    'const stage = stages[at?.stage ?? 0];',
    'const stage = stages[0];',
  ]),
  bug('new items count as failures that were there', TWICE, [
    WORK,
    'const fresh = isFresh(id, range) ?',
    'const fresh = isFresh(id, range) && rows < 0 ?',
  ]),
  bug('what a retried item gave is laid over an earlier item', TWICE, [
    MERGE,
    'if (index >= options.nextOf(stage)) return',
    'if (index > options.nextOf(stage)) return',
  ]),
  bug('what left before its last stage counts', CUT_SHORT, [
    THROUGH,
    'round > 0 && isCancel(stop) && settings.stages !== undefined',
    'round < 0 && isCancel(stop) && settings.stages !== undefined',
  ]),
  bug('what is not planned any more counts as run through', CUT_SHORT, [
    THROUGH,
    'all = after?.[at] === 1;',
    'all = after?.[at] !== 0;',
  ]),
  bug('of an item that does not count, what it gave counts', CUT_SHORT, [
    THROUGH,
    'if (!counts) after.fill(0, from, next[stage]);',
    'if (!counts && from < 0) after.fill(0, from, next[stage]);',
  ]),
];
