import { roundJobKey } from '../../core/keys.ts';
import { hasEnded, isCancel } from '../../core/transitions.ts';
import { readBatch } from '../../engine/batch.ts';
import { finalise } from '../../engine/finalise.ts';
import { planChunks } from '../../engine/plan-chunks.ts';
import { copyStop, pauseForOtherCode } from '../../engine/stop-batch.ts';
import type { Message } from '../../ports/work-queue.ts';
import type { Cloud } from './cloud.ts';
import { cloudEngine } from './cloud-engine.ts';
import { newerIsAnswered, parseInbox } from './inbox-event.ts';
import { startUpload } from './start-upload.ts';

/** What became of one thing that a message asked for: one log line, one metric. */
export interface Handled {
  did: 'started' | 'known' | 'broken' | 'ignored' | 'refused' | 'newer' | 'planned' | 'finalised';
  batch?: string;
  why?: string;
}

/**
 * One message of the orchestrator's queue: uploads to start, steps to take. Throws only what another
 * delivery may mend (a store or queue that does not answer); everything else is answered.
 */
export async function handleInbox(cloud: Cloud, body: string): Promise<Handled[]> {
  const handled: Handled[] = [];
  for (const event of parseInbox(body)) {
    if (event.kind === 'upload')
      handled.push(await newerIsAnswered(startUpload(cloud, event.upload)));
    else if (event.kind === 'step') handled.push(await newerIsAnswered(step(cloud, event.message)));
    else handled.push({ did: event.kind, why: event.why });
  }
  return handled;
}

async function step(cloud: Cloud, message: Message): Promise<Handled> {
  const { batch: id, round } = message;
  const batch = await readBatch(cloud.store, id);
  if (batch === undefined) return { did: 'ignored', batch: id, why: 'unknown batch' };
  if (batch.round !== round || hasEnded(batch.status)) {
    return { did: 'ignored', batch: id, why: 'ended' };
  }
  const engine = await cloudEngine(cloud, batch.job);
  switch (message.step) {
    case 'plan':
      if (isCancel(batch.stop)) {
        await copyStop(engine, id);
        return { did: 'planned', batch: id, why: batch.stop };
      }
      if (batch.digest !== engine.jobDigest) {
        await pauseForOtherCode(engine, batch);
        return { did: 'ignored', batch: id, why: 'other code' };
      }
      // Also of code that a resume accepted: what lies beside the parts is what made them.
      await cloud.objects.put(
        roundJobKey(batch),
        cloud.jobs.get(batch.job)?.bytes ?? new Uint8Array(),
      );
      await planChunks(engine, batch);
      return { did: 'planned', batch: id };
    case 'finalise': {
      const end = await finalise(engine, { batch: id, round });
      return { did: 'finalised', batch: id, why: end ?? 'by another' };
    }
    default:
      return { did: 'refused', batch: id, why: 'a work step in the orchestrator queue' };
  }
}
