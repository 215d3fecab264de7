import {
  cutParts,
  type GivingPart,
  type PartCursor,
  parsePartCursor,
  partCursor,
} from '../core/cut-parts.ts';
import { partKey, type StageId, stageKey, tallyKey, tallyOf } from '../core/keys.ts';
import type { Cut } from '../core/records.ts';
import { advancePlan, markName, seal } from '../core/transitions.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { requireStage } from './batch.ts';
import type { Engine } from './engine.ts';
import { giverOf } from './given.ts';
import { listLeft, planListed } from './plan-listed.ts';
import { GROUP, putChunks } from './put-chunks.ts';
import type { RoundList } from './round-list.ts';

type PlanPorts = Pick<Engine, 'store' | 'objects'>;

/** Parts that give nothing are stepped over for good, so many at a time: else each look would count them again. */
const EMPTY_PARTS = 100;

export interface StagePlan {
  /** Items of a chunk. */
  chunk: number;
  /** When the batch began, milliseconds since 1970. */
  since: number;
  /** In a later round: the stage's items that are retried come first. */
  list: RoundList | undefined;
  /** Chunks of the list are planned while fewer than so many are: all at once may be more than one function can. */
  upTo: number;
}

/**
 * PROTOCOL plan of an `each` stage behind another stage: chunks are cut from the committed parts, in index order,
 * while that stage still works. Anybody may run it at any time; it stops only after a look that followed its own last
 * write. Returns whether it changed anything.
 */
export async function planStage(
  ports: PlanPorts,
  id: StageId,
  { chunk: limit, since, list, upTo }: StagePlan,
): Promise<boolean> {
  const before = { ...id, stage: id.stage - 1 };
  for (let changed = false; ; changed = true) {
    // This stage first, then the one before, then its marks: what is read last is never older than our own write.
    const stage = await requireStage(ports.store, id);
    if (stage.sealed !== undefined || stage.halt !== undefined) return changed;
    const listed = list && listLeft(list, stage.cur);
    if (list !== undefined && listed !== undefined) {
      if (stage.planned >= upTo) return changed;
      await planListed(ports, id, { stage, list, from: listed, limit });
      continue;
    }
    const { sealed } = await requireStage(ports.store, before);
    const from = parsePartCursor(stage.cur);
    const seen: { at: PartCursor; cuts: Cut[]; tail: Cut | undefined } = {
      ...{ at: from, cuts: [], tail: undefined },
    };
    await cut(ports, before, { limit, since, seen });
    const { cuts, tail, at } = seen;
    if (cuts.length < GROUP && tail !== undefined && at.part === sealed) cuts.push(tail);
    const key = stageKey(id);
    if (cuts.length > 0) {
      const to = await putChunks(ports, id, { group: cuts, planned: stage.planned });
      // Refused: another planner is ahead, or a cancel came. Either way the record says where to go on.
      await ports.store.change(key, advancePlan(stage.cur, to, stage.planned + cuts.length));
    } else if (tail === undefined && at.part === sealed) {
      await ports.store.change(key, seal(stage.cur, stage.planned, {}));
    } else if (tail === undefined && at.part - from.part >= EMPTY_PARTS) {
      const to = partCursor({ ...at, row: 0 });
      await ports.store.change(key, advancePlan(stage.cur, to, stage.planned));
    } else return changed;
  }
}

interface Cutting {
  limit: number;
  since: number;
  /** From where on, and afterwards: where the look ended, and what it cut. */
  seen: { at: PartCursor; cuts: Cut[]; tail: Cut | undefined };
}

/** Cuts what is committed without a gap, a group of chunks at most. */
async function cut(
  ports: PlanPorts,
  before: StageId,
  { limit, since, seen }: Cutting,
): Promise<void> {
  const from = seen.at;
  const walk = async function* () {
    for await (const giving of givingParts(ports, before, { from: from.part, since })) {
      yield giving;
      seen.at = { ...from, part: giving.chunk + 1 };
    }
  };
  const cuts = cutParts(walk(), from, limit);
  for (;;) {
    const step = await cuts.next();
    if (step.done) {
      seen.tail = step.value;
      return;
    }
    seen.cuts.push(step.value);
    if (seen.cuts.length === GROUP) return;
  }
}

/** Consecutive committed parts from one on, with what they give. */
async function* givingParts(
  ports: PlanPorts,
  id: StageId,
  { from, since }: { from: number; since: number },
): AsyncGenerator<GivingPart> {
  let marks: Awaited<ReturnType<Engine['store']['read']>>;
  for (let chunk = from, tally = -1; ; chunk += 1) {
    if (tallyOf(chunk) !== tally) {
      tally = tallyOf(chunk);
      marks = await ports.store.read(tallyKey(id, tally));
    }
    const epoch = marks?.[markName(chunk)] as number | undefined;
    if (epoch === undefined) return;
    const key = partKey({ ...id, chunk }, epoch);
    yield { chunk, epoch, items: await itemsIn(ports.objects, key, since) };
  }
}

/** How many items parts give: every look begins at the cursor, and may go over 256 parts. */
const counted = new WeakMap<ObjectStore, Map<string, number>>();
const COUNTED = 2_000;

async function itemsIn(objects: ObjectStore, key: string, since: number): Promise<number> {
  const known = counted.get(objects) ?? new Map<string, number>();
  counted.set(objects, known);
  // A batch that was purged and begun anew has parts of the same names.
  const name = `${since} ${key}`;
  const there = known.get(name);
  if (there !== undefined) return there;
  const { items } = await giverOf(objects, key);
  known.set(name, items);
  if (known.size > COUNTED) known.delete(known.keys().next().value as string);
  return items;
}
