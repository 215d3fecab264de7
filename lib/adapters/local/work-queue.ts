import type { Clock } from '../../ports/clock.ts';
import type { Delivery, Message, WorkQueue } from '../../ports/work-queue.ts';

/** SQS takes no more; the same bound here keeps a job from working on one of the two only. */
const LONGEST_DELAY_MS = 900_000;

export interface LocalWorkQueue extends WorkQueue {
  /** Ends all waiting receives with nothing, and later ones at once. */
  close(): void;
}

interface Entry {
  message: Message;
  /** When it may be received (again), by `clock.monotonic()`. */
  at: number;
  receives: number;
  receipt: string;
}

interface Waiter {
  max: number;
  visibilityMs: number;
  answer(deliveries: Delivery[]): void;
}

/** One queue by name. */
interface Queue {
  send(messages: Parameters<WorkQueue['send']>[1]): void;
  receive(options: ReceiveOptions): Promise<Delivery[]>;
  ack(receipt: string): void;
  endWaits(): void;
}

type ReceiveOptions = Parameters<WorkQueue['receive']>[1];

/**
 * Queues in this process. They need not survive it: the queue is a hint, sweep sends again from the records.
 * A timer runs only while somebody waits, so a forgotten message of tomorrow keeps no process alive.
 * An acknowledgement with the receipt of an earlier delivery is ignored, as the later one may still work.
 * `send` throws a RangeError for a delay out of bounds.
 */
export function localWorkQueue(clock: Clock): LocalWorkQueue {
  const queues = new Map<string, Queue>();
  let closed = false;
  const queueOf = (name: string): Queue => {
    const queue = queues.get(name) ?? oneQueue(clock);
    queues.set(name, queue);
    return queue;
  };
  return {
    async send(name, messages) {
      for (const { delayMs = 0 } of messages) checkDelay(delayMs);
      queueOf(name).send(messages);
      return [];
    },
    receive: (name, options) => queueOf(name).receive(closed ? { ...options, waitMs: 0 } : options),
    async ack(name, receipt) {
      queueOf(name).ack(receipt);
    },
    close() {
      closed = true;
      for (const queue of queues.values()) queue.endWaits();
    },
  };
}

function oneQueue(clock: Clock): Queue {
  const entries = entryShelf(clock);
  const waiters = new Set<Waiter>();
  let cancelTimer = (): void => undefined;

  /** Level, not edge: looks at all that is due, serves who waits, arms one timer for the next. */
  const settle = (): void => {
    const next = entries.wake();
    for (const waiter of waiters) {
      if (!entries.hasReady()) break;
      waiters.delete(waiter);
      waiter.answer(entries.take(waiter));
    }
    cancelTimer();
    if (next === undefined || waiters.size === 0) return;
    cancelTimer = clock.after(Math.max(0, next - clock.monotonic()), settle);
  };

  return {
    send(messages) {
      for (const { message, delayMs = 0 } of messages) entries.add(message, delayMs);
      settle();
    },
    receive(options) {
      settle();
      const deliveries = entries.take(options);
      if (deliveries.length > 0 || options.waitMs <= 0) return Promise.resolve(deliveries);
      return new Promise((resolve) => {
        const cancel = clock.after(options.waitMs, () => {
          waiters.delete(waiter);
          settle();
          resolve([]);
        });
        const answer = (found: Delivery[]): void => {
          cancel();
          resolve(found);
        };
        const waiter: Waiter = { ...options, answer };
        waiters.add(waiter);
        settle();
      });
    },
    ack: entries.remove,
    endWaits() {
      cancelTimer();
      for (const waiter of waiters) waiter.answer([]);
      waiters.clear();
    },
  };
}

interface Shelf {
  add(message: Message, delayMs: number): void;
  /** Makes ready what is due; the time of the next one that is not. */
  wake(): number | undefined;
  hasReady(): boolean;
  take(options: Pick<ReceiveOptions, 'max' | 'visibilityMs'>): Delivery[];
  remove(receipt: string): void;
}

function entryShelf(clock: Clock): Shelf {
  const ready = new Set<Entry>();
  /** Delayed or in work, by `at`. */
  const later: Entry[] = [];
  const byReceipt = new Map<string, Entry>();
  let receipts = 0;

  /** Sorted from the end: what comes next is nearly always later than what is there. */
  const putLater = (entry: Entry, ms: number): void => {
    entry.at = clock.monotonic() + ms;
    let place = later.length;
    while (place > 0 && (later[place - 1]?.at ?? 0) > entry.at) place -= 1;
    later.splice(place, 0, entry);
  };
  const deliver = (entry: Entry): Delivery => {
    byReceipt.delete(entry.receipt);
    receipts += 1;
    entry.receipt = `receipt-${receipts}`;
    entry.receives += 1;
    byReceipt.set(entry.receipt, entry);
    return { message: { ...entry.message }, receipt: entry.receipt, receives: entry.receives };
  };

  return {
    add(message, delayMs) {
      const entry = { message: { ...message }, at: 0, receives: 0, receipt: '' };
      if (delayMs > 0) putLater(entry, delayMs);
      else ready.add(entry);
    },
    wake() {
      const now = clock.monotonic();
      let due = 0;
      while ((later[due]?.at ?? Number.POSITIVE_INFINITY) <= now) due += 1;
      for (const entry of later.splice(0, due)) ready.add(entry);
      return later[0]?.at;
    },
    hasReady: () => ready.size > 0,
    take({ max, visibilityMs }) {
      const taken = [...ready].slice(0, max);
      for (const entry of taken) {
        ready.delete(entry);
        putLater(entry, visibilityMs);
      }
      return taken.map(deliver);
    },
    remove(receipt) {
      const entry = byReceipt.get(receipt);
      if (!entry) return;
      byReceipt.delete(receipt);
      ready.delete(entry);
      const place = later.indexOf(entry);
      if (place >= 0) later.splice(place, 1);
    },
  };
}

function checkDelay(delayMs: number): void {
  if (delayMs >= 0 && delayMs <= LONGEST_DELAY_MS) return;
  throw new RangeError(`delayMs must be 0 to ${LONGEST_DELAY_MS}, got ${delayMs}`);
}
