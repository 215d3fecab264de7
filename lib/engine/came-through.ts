import { itemsOf, type Outcome } from '../core/outcome.ts';
import { firstGroups } from '../core/stage-settings.ts';
import { isCancel } from '../core/transitions.ts';
import { type Batch, stagesOf } from './batch.ts';
import { committedParts, loadParts, type PartName } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { lookAtStage } from './sums.ts';

type Stores = Pick<Engine, 'store' | 'objects'>;

/** Whether a row of a round counts: asked for every row, stage by stage, in order. */
export type RowCounts = (stage: number, outcome: Outcome) => boolean;

/** What a later round leaves open cannot be told from its tallies: it was cut short, or its groups replace those before. */
export const leavesOpen = (batch: Batch): boolean =>
  wasCutShort(batch) || (batch.round > 0 && firstGroups(batch.settings) < Number.POSITIVE_INFINITY);

/** A later round of several stages that was cut short: what is retried may have come only half of its way. */
export const wasCutShort = ({ round, stop, settings }: Batch): boolean =>
  round > 0 && isCancel(stop) && settings.stages !== undefined;

/**
 * PROTOCOL: what left before its last stage overrides nothing. Of a retried item and all that came of it either every row
 * counts or none does. For a round whose chunks are committed; reads its outcomes from the last stage to the first, and
 * keeps a byte for each row.
 */
export async function cameThrough(stores: Stores, batch: Batch): Promise<RowCounts> {
  const listed = (stage: number): number => batch.filter?.stages?.[stage]?.items ?? 0;
  const through: Uint8Array[] = [];
  const whole = firstGroups(batch.settings);
  for (const id of stagesOf(batch).reverse()) {
    through[id.stage] = new Uint8Array(0);
    // Groups are worked whole, or not at all: nothing comes through to them.
    if (id.stage >= whole) continue;
    const { stage, sums } = await lookAtStage(stores.store, id);
    const own = new Uint8Array(itemsOf(sums.counts));
    const after = through[id.stage + 1];
    let next = listed(id.stage + 1);
    let row = 0;
    for await (const outcome of outcomesOf(stores, committedParts(stores.store, id, stage.rel))) {
      const given = after === undefined ? 0 : givenBy(outcome);
      let all = outcome.status !== 'notRun';
      for (let at = next; all && at < next + given; at += 1) all = after?.[at] === 1;
      own[row] = all ? 1 : 0;
      row += 1;
      next += given;
    }
    through[id.stage] = own;
  }
  const place = through.map(() => 0);
  const next = through.map((_, stage) => listed(stage + 1));
  return (stage, outcome) => {
    const at = place[stage] as number;
    place[stage] = at + 1;
    const counts = through[stage]?.[at] === 1;
    const after = through[stage + 1];
    if (after === undefined) return counts;
    const from = next[stage] as number;
    next[stage] = from + givenBy(outcome);
    // The items that it gave are asked for later, and go with it.
    if (!counts) after.fill(0, from, next[stage]);
    return counts;
  };
}

function givenBy(outcome: Outcome): number {
  if (outcome.status !== 'ok') return 0;
  return outcome.values?.length ?? 1;
}

async function* outcomesOf(
  { objects }: Stores,
  names: AsyncIterable<PartName>,
): AsyncGenerator<Outcome> {
  for await (const { outcomes } of loadParts(objects, names)) {
    for (const line of outcomes.toString().split('\n')) {
      if (line !== '') yield JSON.parse(line) as Outcome;
    }
  }
}
