import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { JsonObject } from './assembly.ts';
import { invokeLater } from './async-invoke.ts';
import type { CreatedObject } from './backends.ts';
import type { Chaos } from './chaos.ts';
import { templateFault, UNKNOWN_HINT } from './faults.ts';
import type { FunctionPool } from './function-pool.ts';
import { nameOfArn, queueUrl } from './names.ts';
import type { KeyPattern, RuleSpec } from './rule-specs.ts';
import {
  nextSequencer,
  objectCreatedEvent,
  s3Notification,
  s3TestEvent,
  scheduledEvent,
} from './s3-events.ts';
import type { BucketSpec } from './specs.ts';

/** Which new objects of a bucket go where. */
export interface Route {
  id: string;
  bucket: string;
  /** 's3:ObjectCreated:*' or one of the family. */
  event: string;
  keys: KeyPattern[];
  target: string;
  shape: 'notification' | 'eventbridge';
  input?: string | undefined;
}

const LISTS: Readonly<Record<string, string>> = {
  QueueConfigurations: 'Queue',
  LambdaConfigurations: 'Function',
};

/**
 * The routes of the buckets' own notification configurations and of the rules on `Object Created`. Throws a
 * SluiceError `BAD_INPUT` for a destination or an event that is not emulated.
 */
export function routesOf(buckets: readonly BucketSpec[], rules: readonly RuleSpec[]): Route[] {
  return buckets.flatMap(({ logicalId, name, notifications }): Route[] => {
    const { EventBridgeConfiguration: bridge, ...lists } = notifications;
    const own = Object.entries(lists).flatMap(([list, entries]) => {
      const target = LISTS[list];
      if (target === undefined) throw unknownEvent(logicalId, list);
      return (entries as JsonObject[]).map((entry, at) =>
        ownRoute({ bucket: name, logicalId, id: `${list}-${at}` }, entry, target),
      );
    });
    const enabled = (bridge as JsonObject | undefined)?.['EventBridgeEnabled'];
    const bridged = enabled === undefined || String(enabled) === 'false' ? [] : rules;
    return [...own, ...bridged.flatMap((rule) => ruleRoutes(name, rule))];
  });
}

const unknownEvent = (logicalId: string, what: string) =>
  templateFault(
    `Bucket ${logicalId} notifies by ${what}; the emulator delivers s3:ObjectCreated:* to queues, functions and EventBridge only.`,
    UNKNOWN_HINT,
  );

interface RouteStart {
  bucket: string;
  logicalId: string;
  id: string;
}

function ownRoute({ bucket, logicalId, id }: RouteStart, entry: JsonObject, target: string): Route {
  const event = String(entry['Event']);
  if (!/^s3:ObjectCreated:(\*|Put|Post|Copy|CompleteMultipartUpload)$/.test(event)) {
    throw unknownEvent(logicalId, event);
  }
  const filter = (entry['Filter'] ?? {}) as {
    S3Key?: { Rules?: { Name: string; Value: string }[] };
  };
  // Both rules of one filter must fit: one pattern.
  const pattern: KeyPattern = {};
  for (const { Name, Value } of filter.S3Key?.Rules ?? []) {
    pattern[Name.toLowerCase() as 'prefix' | 'suffix'] = Value;
  }
  return {
    id,
    bucket,
    event,
    keys: [pattern],
    target: String(entry[target]),
    shape: 'notification',
  };
}

const ruleRoutes = (bucket: string, { logicalId, created, targets }: RuleSpec): Route[] =>
  created === undefined || (created.buckets.length > 0 && !created.buckets.includes(bucket))
    ? []
    : targets.map(({ arn, input }) => ({
        id: logicalId,
        bucket,
        event: 's3:ObjectCreated:*',
        keys: created.keys,
        target: arn,
        shape: 'eventbridge',
        input,
      }));

/** Whether a new object goes this way. */
export const routeTakes = (route: Route, { bucket, key, how }: CreatedObject): boolean =>
  route.bucket === bucket &&
  (route.event.endsWith(':*') || route.event.endsWith(`:${how}`)) &&
  (route.keys.length === 0 ||
    route.keys.some(
      ({ prefix = '', suffix = '' }) => key.startsWith(prefix) && key.endsWith(suffix),
    ));

export interface DeliveriesOptions {
  routes: readonly Route[];
  rules: readonly RuleSpec[];
  client: SQSClient;
  endpoint: string;
  pools: ReadonlyMap<string, FunctionPool>;
  chaos: Chaos;
  speed: number;
  onFault(error: unknown): void;
}

/** Sends the events of uploads and schedules. */
export interface Deliveries {
  created(object: CreatedObject): void;
  /** What S3 sends when a queue becomes a bucket's destination. */
  announce(): void;
  close(): void;
}

/** A reordered event waits this long, or until a later one was sent. */
const HELD_MS = 2_000;

export function newDeliveries(options: DeliveriesOptions): Deliveries {
  const { routes, rules, chaos, speed } = options;
  const stop = new AbortController();
  const send = sender(options, stop.signal);
  let held: (() => Promise<void>)[] = [];
  const timers = rules.flatMap(({ logicalId, everyMs, targets }) =>
    everyMs === undefined
      ? []
      : [
          setInterval(() => {
            const event = JSON.stringify(scheduledEvent(logicalId, Date.now()));
            for (const { arn, input } of targets) void send(arn, input ?? event);
          }, everyMs),
        ],
  );
  const release = (): void => {
    for (const sendNow of held.splice(0)) void sendNow();
  };
  return {
    created(object) {
      const nowMs = Date.now();
      const sequencer = nextSequencer(nowMs);
      for (const route of routes.filter((candidate) => routeTakes(candidate, object))) {
        const context = { nowMs, sequencer, configuration: route.id };
        const shape = route.shape === 'eventbridge' ? objectCreatedEvent : s3Notification;
        const sendNow = (): Promise<void> =>
          send(route.target, route.input ?? JSON.stringify(shape(object, context)));
        if (chaos.draw('lose')) chaos.landed('lose');
        else if (chaos.draw('reorder')) {
          chaos.landed('reorder');
          held.push(sendNow);
          setTimeout(release, HELD_MS / speed).unref();
        } else {
          // Those held back follow once this one has arrived.
          void sendNow().then(release);
        }
      }
    },
    announce() {
      const queues = routes.filter(
        ({ shape, target }) => shape === 'notification' && target.startsWith('arn:aws:sqs:'),
      );
      for (const { bucket, target } of queues) {
        void send(target, JSON.stringify(s3TestEvent(bucket, Date.now())));
      }
    },
    close() {
      held = [];
      for (const timer of timers) clearInterval(timer);
      stop.abort();
    },
  };
}

/** Sends a text to a queue or, asynchronously, to a function. */
function sender(options: DeliveriesOptions, signal: AbortSignal) {
  const { client, endpoint, pools, speed, onFault } = options;
  return async (arn: string, text: string): Promise<void> => {
    const name = nameOfArn(arn);
    const pool = pools.get(name);
    try {
      if (pool !== undefined) await invokeLater(pool, text, { speed, signal });
      else {
        const QueueUrl = queueUrl(endpoint, name);
        await client.send(new SendMessageCommand({ QueueUrl, MessageBody: text }));
      }
    } catch (error) {
      if (!signal.aborted) onFault(error);
    }
  };
}
