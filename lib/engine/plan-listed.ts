import { listCursor, MAX_PARTS, parseListCursor } from '../core/cut-parts.ts';
import { type StageId, stageKey } from '../core/keys.ts';
import type { Cut } from '../core/records.ts';
import { advancePlan } from '../core/transitions.ts';
import type { Stage } from './batch.ts';
import { cutList, type ListCut } from './cut-list.ts';
import type { Engine } from './engine.ts';
import { GROUP, putChunks } from './put-chunks.ts';
import type { RoundList } from './round-list.ts';

/** From where on a stage's list is to be planned, by the stage's plan cursor; undefined once all of it is. */
export function listLeft(list: RoundList, cur: string): Pick<ListCut, 'end' | 'items'> | undefined {
  const from = cur === '' ? { end: list.start, items: 0 } : parseListCursor(cur);
  return from === undefined || from.end >= list.end ? undefined : from;
}

/** Plans a group of chunks of the list of a later round, as other chunks: put-if-absent, then the cursor. */
export async function planListed(
  ports: Pick<Engine, 'store'>,
  id: StageId,
  {
    stage,
    list,
    from,
    limit,
  }: { stage: Stage; list: RoundList; from: Pick<ListCut, 'end' | 'items'>; limit: number },
): Promise<void> {
  const group: Cut[] = [];
  // Each part is a few requests to whoever works the chunk.
  const limits = {
    ...{ items: limit, weight: MAX_PARTS },
    weightOf: ({ source, last = source }: { source: number; last?: number }) => last - source + 1,
  };
  for await (const { range, ...cursor } of cutList(list, from, limits)) {
    group.push({ range, cursor: listCursor(cursor) });
    if (group.length === GROUP) break;
  }
  const to = await putChunks(ports, id, { group, planned: stage.planned });
  const change = advancePlan(stage.cur, to, stage.planned + group.length);
  await ports.store.change(stageKey(id), change);
}
