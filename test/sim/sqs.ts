import type { Message, WorkQueue } from '../../lib/ports/work-queue.ts';
import { MAX_RECEIVES } from './cloud-limits.ts';
import type { Invariants } from './invariants.ts';
import type { SimProcess } from './process.ts';
import type { Truth } from './truth.ts';
import type { World } from './world.ts';

/** A step of the engine with the version of its sender, or the upload that starts the batch. */
export type Body = (Omit<Message, 'v'> & { v: number }) | { step: 'start' };

export interface Held {
  id: number;
  body: Body;
  visibleAt: number;
  receives: number;
  /** The network doubled it: nobody sent it. */
  injected: boolean;
  lineage: Readonly<Record<string, number>>;
}

export interface SimQueue {
  readonly name: string;
  put(body: Body, options: { delayMs: number; lineage: Held['lineage'] }): void;
  /** Receives one message, hidden for `visibilityMs`; any that is visible may come. */
  take(visibilityMs: number): Held | undefined;
  hideFor(held: Held, ms: number): void;
  remove(held: Held): void;
}

export interface QueuePorts {
  world: World;
  truth: Truth;
  invariants: Invariants;
}

const MAX_MESSAGE = 4_096;

/** A standard queue of SQS: at least once, in any order, with a dead-letter queue behind it. */
export function newQueue(
  { world, truth, invariants }: QueuePorts,
  name: string,
  onVisible: () => void,
): SimQueue {
  const messages = new Map<number, Held>();
  let ids = 0;
  const hideFor = (held: Held, ms: number): void => {
    held.visibleAt = world.now() + ms;
    world.at(ms, onVisible);
  };
  const add = (body: Body, delayMs: number, rest: Pick<Held, 'injected' | 'lineage'>): void => {
    ids += 1;
    const held = { id: ids, body, receives: 0, visibleAt: 0, ...rest };
    messages.set(ids, held);
    hideFor(held, delayMs);
  };
  /** Messages that the engine sent, for chunks whose outcome is not recorded. */
  const own = (): number => {
    let sum = 0;
    for (const { body, injected } of messages.values()) {
      if (injected || body.step !== 'work') continue;
      if (truth.mark(body.round, body.chunk ?? 0, body.stage) === undefined) sum += 1;
    }
    return sum;
  };
  return {
    name,
    put(body, { delayMs, lineage }) {
      const size = JSON.stringify(body).length;
      if (size > MAX_MESSAGE) world.violate(`a message of ${size} bytes`);
      if (world.strikes('messageLost')) return;
      const lateMs = world.strikes('messageDelayed') ? world.between(100, 30_000) : 0;
      add(body, delayMs + lateMs, { injected: false, lineage });
      if (world.strikes('messageDuplicated')) {
        add(body, delayMs + world.between(0, 60_000), { injected: true, lineage });
      }
      invariants.messages(own());
    },
    take(visibilityMs) {
      const visible = [...messages.values()].filter(({ visibleAt }) => visibleAt <= world.now());
      const held = visible[world.between(0, visible.length - 1)];
      if (held === undefined) return undefined;
      held.receives += 1;
      if (held.receives > MAX_RECEIVES) {
        messages.delete(held.id);
        world.hit('deadLettered');
        world.trace(name, `dead-letters ${JSON.stringify(held.body)}`);
        return this.take(visibilityMs);
      }
      hideFor(held, visibilityMs);
      return held;
    },
    hideFor,
    remove(held) {
      messages.delete(held.id);
    },
  };
}

/** Entries of one SendMessageBatch. */
const BATCH_ENTRIES = 10;

/** The queues as one process sends to them. */
export function simWorkQueue(
  world: World,
  process: SimProcess,
  queues: Readonly<Record<string, SimQueue>>,
): WorkQueue {
  const sendTen = async (name: string, ten: Sent[]): Promise<number[]> => {
    const what = ten.map(({ message }) => message.chunk ?? message.step).join(' ');
    const { value } = await process.call(`send ${name} ${what}`, () => {
      const refused: number[] = [];
      for (const [at, { message, delayMs = 0 }] of ten.entries()) {
        if (world.strikes('sendHalfFailed')) refused.push(at);
        else
          queues[name]?.put(
            { ...message, v: process.version },
            { delayMs, lineage: process.lineage },
          );
      }
      return refused;
    });
    return value;
  };
  return {
    async send(name, messages) {
      const refused: number[] = [];
      for (let from = 0; from < messages.length; from += BATCH_ENTRIES) {
        const found = await sendTen(name, messages.slice(from, from + BATCH_ENTRIES));
        refused.push(...found.map((at) => from + at));
      }
      return refused;
    },
    receive: () => Promise.reject(new Error('in the cloud the event source receives')),
    ack: () => Promise.reject(new Error('in the cloud the event source deletes')),
  };
}

type Sent = Parameters<WorkQueue['send']>[1][number];
