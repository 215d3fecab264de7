import type { StageId } from '../core/keys.ts';
import { hasEnded, isCancel } from '../core/transitions.ts';
import { coalesce } from '../pool/coalesce.ts';
import { readBatch, type Stage } from './batch.ts';
import type { SettlePorts } from './engine.ts';
import { overThreshold, releaseMore } from './release-more.ts';
import { sendStep } from './send.ts';
import { allComplete, settleStages } from './settle-stages.ts';
import { readStageAndSums, readSums } from './sums.ts';

/**
 * PROTOCOL settle: looks at state only, never at what the caller just did. Everybody runs it after
 * every change, won or not: of two racing actors at least one sees the other.
 */
export function settle(engine: SettlePorts, id: StageId): Promise<void> {
  const settler = settlers.get(engine) ?? newSettler(engine);
  settlers.set(engine, settler);
  return settler(JSON.stringify([id.batch, id.round, id.stage]));
}

/** Calls that come while one runs share the next: each still sees all that was written before it. */
const settlers = new WeakMap<SettlePorts, (stage: string) => Promise<void>>();

/**
 * The stored `low` of the stage settled last is remembered: it only grows, the tallies before it are in the stage's
 * own sums, and a look that begins at 0 reads every tally of a large batch at every commit.
 */
function newSettler(engine: SettlePorts): (stage: string) => Promise<void> {
  let last = { key: '', low: 0 };
  return coalesce(async (key) => {
    const [batch, round, stage] = JSON.parse(key) as [string, number, number];
    const low = await settleOnce(engine, { batch, round, stage }, last.key === key ? last.low : 0);
    last = { key, low };
  });
}

/** Looks from the tally `from` on, and answers where the next look may begin. */
async function settleOnce(engine: SettlePorts, id: StageId, from: number): Promise<number> {
  let low = from;
  let after: Stage | undefined;
  for (;;) {
    // Our own release answers with the stage as it then is: whoever changes it later settles after that.
    const { stage, sums } =
      after === undefined
        ? await readStageAndSums(engine.store, id, low)
        : { stage: after, sums: await readSums(engine.store, id, after) };
    low = stage.low;
    if (stage.stages !== undefined) {
      await settleAllOnce(engine, id);
      return low;
    }
    const released = await releaseMore(engine, id, { stage, sums });
    after = released === 'refused' ? undefined : released;
    if (released !== undefined) continue;
    if (!isCancel(stage.halt) && sums.counts.failed > 0) {
      const batch = await readBatch(engine.store, id.batch);
      if (batch?.round === id.round && (await overThreshold(engine, batch, sums))) continue;
    }
    if (allComplete([{ stage, sums }])) {
      const batch = await readBatch(engine.store, id.batch);
      if (batch?.round === id.round && !hasEnded(batch.status))
        await sendStep(engine, 'finalise', id);
    }
    return low;
  }
}

/** Settles of several stages share their passes, whichever stage they came from. */
const passes = new WeakMap<SettlePorts, (round: string) => Promise<void>>();

function settleAllOnce(engine: SettlePorts, { batch, round }: StageId): Promise<void> {
  const known =
    passes.get(engine) ??
    coalesce((key) => {
      const [name, number] = JSON.parse(key) as [string, number];
      return settleStages(engine, { batch: name, round: number });
    });
  passes.set(engine, known);
  return known(JSON.stringify([batch, round]));
}
