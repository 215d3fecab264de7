import { workChunk } from '../../engine/work-chunk.ts';
import type { Message } from '../../ports/work-queue.ts';
import type { Cloud } from './cloud.ts';
import { cloudEngine } from './cloud-engine.ts';
import { newerIsAnswered, parseInbox } from './inbox-event.ts';

/** What became of a chunk's message: one log line, and the counts for the metrics. */
export interface Worked {
  did: 'committed' | 'handed back' | 'nothing' | 'ignored' | 'refused' | 'newer';
  why?: string;
  batch?: string;
  chunk?: number;
  epoch?: number;
  bytes?: number;
  ok?: number;
  skipped?: number;
  failed?: number;
  stalled?: number;
  notRun?: number;
}

/** One message of a stage's queue: one chunk. Throws only what another delivery may mend. */
export async function handleWork(cloud: Cloud, job: string, body: string): Promise<Worked> {
  const [event] = parseInbox(body);
  if (event?.kind !== 'step') {
    const kind = event === undefined || event.kind === 'upload' ? 'refused' : event.kind;
    const why = event !== undefined && 'why' in event ? event.why : 'no work step';
    return { did: kind, why };
  }
  const { message } = event;
  if (message.step !== 'work') return { did: 'refused', why: `a ${message.step} step` };
  const worked = await newerIsAnswered(workMessage(cloud, job, message));
  return { ...(worked as Worked), batch: message.batch, chunk: message.chunk ?? 0 };
}

async function workMessage(cloud: Cloud, job: string, message: Message): Promise<Worked> {
  const { batch, round, stage = 0, chunk = 0 } = message;
  const engine = await cloudEngine(cloud, job);
  const answer = await workChunk(engine, { batch, round, stage, chunk });
  if (answer.did !== 'committed') return answer;
  const { bytes, counts } = answer.part;
  return { did: 'committed', epoch: answer.epoch, bytes, ...counts };
}
