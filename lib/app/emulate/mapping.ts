import { setMaxListeners } from 'node:events';
import type { Message } from '@aws-sdk/client-sqs';
import { newSemaphore, type Semaphore } from '../../pool/semaphore.ts';
import type { Chaos } from './chaos.ts';
import type { FunctionPool, Invocation } from './function-pool.ts';
import type { MappingSpec } from './mapping-specs.ts';
import { readPartialAnswer } from './partial-answer.ts';
import { pause } from './pause.ts';
import type { QueueReader } from './queue-reader.ts';
import { sqsEvent } from './sqs-event.ts';

export interface MappingStats {
  /** Messages that were received, deleted after success, and left to come back. */
  received: number;
  deleted: number;
  returned: number;
  throttles: number;
  /** Given up after throttling until their visibility ran out: the receive count stays raised. */
  dropped: number;
}

/** One running event source mapping. */
export interface Mapping {
  spec: MappingSpec;
  stats(): MappingStats;
  /** Receives no more; resolves when what was received is done with. */
  close(): Promise<void>;
}

export interface MappingOptions {
  spec: MappingSpec;
  queue: { arn: string; visibilityMs: number; reader: QueueReader };
  pool: FunctionPool;
  chaos: Chaos;
  onFault(error: unknown): void;
}

/** Lambda begins with five concurrent batches (lambda/latest/dg/services-sqs-scaling). */
const POLLERS = 5;
/** The most batches of one mapping at once, where nothing caps it (same page). */
const UNCAPPED = 1000;
/** A batch is closed at 6 MB (same page, batching behaviour). */
const EVENT_BYTES = 6 * 1024 * 1024;

/**
 * Runs an event source mapping as Lambda does: a slot of its concurrency is taken BEFORE messages are received and
 * kept until they are done with, so that a cap never leaves messages received and waiting. What is not emulated is
 * the ramp: all slots are there from the start, where Lambda adds 300 a minute.
 */
export function startMapping(options: MappingOptions): Mapping {
  const { spec } = options;
  const slots = newSemaphore(spec.maxConcurrency ?? UNCAPPED);
  const stats = { received: 0, deleted: 0, returned: 0, throttles: 0, dropped: 0 };
  const stop = new AbortController();
  // One listener for each delivery that waits: as many as there are slots.
  setMaxListeners(0, stop.signal);
  const context: Context = { ...options, slots, stats, signal: stop.signal, open: new Set() };
  const pollers = Array.from({ length: Math.min(POLLERS, spec.maxConcurrency ?? POLLERS) }, () =>
    poll(context),
  );
  return {
    spec,
    stats: () => ({ ...stats }),
    async close() {
      stop.abort();
      await Promise.all(pollers);
      await Promise.all(context.open);
    },
  };
}

interface Context extends MappingOptions {
  slots: Semaphore;
  stats: MappingStats;
  signal: AbortSignal;
  /** Deliveries that are not done with. */
  open: Set<Promise<void>>;
}

async function poll(context: Context): Promise<void> {
  const { slots, signal, stats, open } = context;
  while (!signal.aborted) {
    const release = await slots.acquire();
    const messages = signal.aborted ? [] : await gather(context).catch(after(context));
    if (messages.length === 0) {
      release();
      continue;
    }
    stats.received += messages.length;
    const delivery = deliver(context, messages)
      .catch(after(context))
      .then(() => {
        open.delete(delivery);
        release();
      });
    open.add(delivery);
  }
}

/** A fault of the emulated queue is told, and polling goes on after a second; one while closing is none. */
const after =
  ({ signal, onFault }: Context) =>
  async (error: unknown): Promise<never[]> => {
    if (signal.aborted) return [];
    onFault(error);
    await pause(1000, signal);
    return [];
  };

/** As many messages as make a batch, or as came within the batching window. */
async function gather({ spec, queue, signal }: Context): Promise<Message[]> {
  const { batchSize, windowMs } = spec;
  const first = await queue.reader.receive(Math.min(10, batchSize), { signal });
  if (first.length === 0 || windowMs === 0) return first;
  const messages = [...first];
  const until = performance.now() + windowMs;
  while (messages.length < batchSize && bytesOf(messages) < EVENT_BYTES && !signal.aborted) {
    const waitMs = until - performance.now();
    if (waitMs <= 0) break;
    const max = Math.min(10, batchSize - messages.length);
    messages.push(...(await queue.reader.receive(max, { signal, waitMs })));
  }
  return messages;
}

const bytesOf = (messages: readonly Message[]): number =>
  messages.reduce((sum, { Body = '' }) => sum + Buffer.byteLength(Body), 0);

async function deliver(context: Context, messages: Message[]): Promise<void> {
  const { queue, stats } = context;
  await duplicate(context, messages);
  const event = JSON.stringify(sqsEvent(queue.arn, messages));
  const result = await invokeUntil(context, event, performance.now() + queue.visibilityMs);
  if (result === undefined) stats.dropped += messages.length;
  else await settle(context, messages, result);
}

/**
 * Gives a message back to the queue at once, so that it is delivered again, under its own id and with a second
 * receive, while the first delivery runs: what SQS may do at any time. Only first deliveries, so that duplicates alone
 * never bring a message to its dead-letter queue.
 */
async function duplicate({ chaos, queue }: Context, messages: readonly Message[]): Promise<void> {
  for (const message of messages) {
    const first = message.Attributes?.['ApproximateReceiveCount'] === '1';
    if (!first || !chaos.draw('duplicate')) continue;
    await queue.reader.giveBack(message);
    chaos.landed('duplicate');
  }
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/**
 * Tries again after a throttle, at growing intervals, until the messages' visibility has run out; then they are
 * dropped (services-sqs-errorhandling, "Backoff strategy for failed invocations"). Undefined when dropped.
 */
async function invokeUntil(
  { pool, chaos, stats, signal }: Context,
  event: string,
  until: number,
): Promise<Exclude<Invocation, { did: 'throttled' }> | undefined> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    if (chaos.draw('throttle')) chaos.landed('throttle');
    else {
      const result = await pool.invoke(event, killAtRandom(pool, chaos));
      if (result.did !== 'throttled') return result;
    }
    stats.throttles += 1;
    if (signal.aborted || performance.now() + waitMs >= until) return undefined;
    await pause(waitMs, signal);
  }
}

/** Kills within one and a half times of what calls took so far: most such kills land, at any moment of a call. */
function killAtRandom(pool: FunctionPool, chaos: Chaos): { onStart?: (kill: () => void) => void } {
  if (!chaos.draw('kill')) return {};
  const { invocations, totalMs } = pool.stats();
  const usualMs = invocations === 0 ? 100 : totalMs / invocations;
  const afterMs = chaos.random('kill') * 1.5 * usualMs;
  return {
    onStart: (kill) => {
      setTimeout(kill, afterMs).unref();
    },
  };
}

/** Deletes what is done with; the rest comes back when its visibility runs out: nobody changes that. */
async function settle(
  { spec, queue, stats, chaos }: Context,
  messages: readonly Message[],
  result: Exclude<Invocation, { did: 'throttled' }>,
): Promise<void> {
  if (result.did === 'failed') {
    if (result.type === 'Chaos.Killed') chaos.landed('kill');
    stats.returned += messages.length;
    return;
  }
  const ids = messages.map(({ MessageId = '' }) => MessageId);
  const done = spec.reportsFailures ? readPartialAnswer(result.answer, ids) : 'all';
  const deleted = messages.filter(({ MessageId = '' }) =>
    typeof done === 'string' ? done === 'all' : !done.failed.has(MessageId),
  );
  stats.returned += messages.length - deleted.length;
  await queue.reader.remove(deleted);
  stats.deleted += deleted.length;
}
