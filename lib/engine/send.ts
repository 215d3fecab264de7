import type { StageId } from '../core/keys.ts';
import type { Message } from '../ports/work-queue.ts';
import type { Engine } from './engine.ts';

type SendPorts = Pick<Engine, 'queue' | 'log'>;

export const ORCHESTRATOR = 'orchestrator';
export const stageQueue = (stage: number): string => `stage-${stage}`;

/** SQS takes 15 minutes at most; for longer waits the sweep sends. */
const MAX_DELAY_MS = 900_000;
/** How often entries that a send refused are sent again at once; then the sweep sends them. */
const RESENDS = 3;

export async function sendStep(
  engine: SendPorts,
  step: 'plan' | 'finalise',
  { batch, round }: { batch: string; round: number },
): Promise<void> {
  await sendAll(engine, ORCHESTRATOR, [{ message: { v: 1, step, batch, round } }]);
}

export async function sendChunks(
  engine: SendPorts,
  { batch, round, stage }: StageId,
  { from, to, delayMs = 0 }: { from: number; to: number; delayMs?: number },
): Promise<void> {
  const messages = [];
  for (let chunk = from; chunk < to; chunk += 1) {
    const message: Message = { v: 1, step: 'work', batch, round, stage, chunk };
    messages.push({ message, delayMs: Math.min(delayMs, MAX_DELAY_MS) });
  }
  await sendAll(engine, stageQueue(stage), messages);
}

async function sendAll(
  engine: SendPorts,
  queue: string,
  messages: { message: Message; delayMs?: number }[],
): Promise<void> {
  let left = messages;
  for (let again = 0; left.length > 0 && again <= RESENDS; again += 1) {
    const refused = await engine.queue.send(queue, left);
    left = refused.map((at) => left[at]).filter((one) => one !== undefined);
  }
  if (left.length > 0)
    engine.log.warn('messages refused; the sweep sends them', { queue, messages: left.length });
}
