import type { Breaker } from '../core/breaker.ts';
import type { HeaderValues, Http } from '../core/http.ts';
import { type HttpMeter, newHttpMeter } from '../core/http-meter.ts';
import { type HttpPlan, httpPlan } from '../core/http-plan.ts';
import type { Refusals } from '../core/http-refusals.ts';
import type { ItemLogger } from '../core/job.ts';
import type { Clock } from '../ports/clock.ts';
import type { Aborting, HttpWire } from '../ports/http.ts';
import type { AttemptSpec } from './engine.ts';
import type { QuotaEnv, QuotaItem } from './item-quota.ts';
import type { AttemptEnv } from './item-run.ts';

/** What a process has one of, over all its items: the client, and what is known of each host. */
export interface HttpHost {
  /** Loads it on first use: a worker whose job has no `http` does without 300 KB of code. */
  client(): Promise<HttpClient>;
  /** What `client` gave, once it is there: a promise less for each call. */
  ready(): HttpClient | undefined;
  /** Breakers by host, as it is now. */
  breakers: Map<string, Breaker>;
  /** Bounds of open requests by origin, where a job has one. */
  permits: Map<string, { acquire(): Promise<() => void> }>;
  /** Items that hosts refused although all their tries were made. */
  refusals: Refusals;
  close(): Promise<void>;
}

export interface HttpClient {
  wire: HttpWire;
  httpClient(env: HttpEnv, item: HttpItem): Http;
}

/** What calls of an item need of the attempt. */
export interface HttpEnv {
  /** Of the batch, its round and stage. */
  name: string;
  plan: HttpPlan;
  host: HttpHost;
  meter: HttpMeter;
  clock: Clock;
  random(): number;
  itemTimeoutMs: number;
  tries: number;
  backoff: { baseMs: number; maxMs: number };
  /** Absent where the job declares no quota, be it with these options alone. */
  quotas: QuotaEnv | undefined;
  /**
   * What is sent with every request, names in lower case.
   *
   * @param own to the origin of the settings, which alone gets their headers
   * @param json the answer is to be JSON
   */
  headers(own: boolean, json: boolean): Readonly<Record<string, string>>;
  /** Told while an item waits for its host, so that nobody takes it for hanging. */
  waiting(): void;
}

/** An item, as its calls see it. */
export interface HttpItem extends QuotaItem {
  /** Of a group: its first row's. */
  readonly index: number;
  /** Ends its calls, as `signal` does. */
  readonly aborting: Aborting;
  readonly log: ItemLogger;
}

/** Undefined for a job without `http`, which then costs nothing. */
export function newHttpEnv(
  env: AttemptEnv,
  { batch, round, stage }: AttemptSpec['id'],
  quotas: QuotaEnv | undefined,
): HttpEnv | undefined {
  const plan = httpPlan(env.job, env.options);
  if (plan === undefined || env.http === undefined) return undefined;
  const { settings, clock } = env;
  const headers = headersOf(plan, env.secrets);
  return {
    name: `${batch}/${round}/${stage}`,
    plan,
    host: env.http,
    meter: newHttpMeter(),
    clock,
    random: env.random,
    itemTimeoutMs: settings.itemTimeoutMs,
    tries: plan.tries ?? settings.tries,
    backoff: { baseMs: settings.retryBaseMs, maxMs: settings.retryMaxMs },
    quotas: quotas?.quotas.length === 0 ? undefined : quotas,
    headers,
    waiting: () => env.waiting?.(),
  };
}

export const lowerNames = (headers: HeaderValues): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** Made once: with an object of its own for each call, a call took three times as much memory as a bare one (measured). */
function headersOf(
  { headers }: HttpPlan,
  secrets: Readonly<Record<string, string>>,
): HttpEnv['headers'] {
  let known: Record<string, string> | undefined;
  const made: (Readonly<Record<string, string>> | undefined)[] = [];
  return (own, json) => {
    const at = (own ? 2 : 0) + (json ? 1 : 0);
    const there = made[at];
    if (there !== undefined) return there;
    if (own) {
      known ??= lowerNames(
        typeof headers === 'function'
          ? headers((name) => secretOf(secrets, name))
          : (headers ?? {}),
      );
    }
    const sent = {
      'user-agent': 'sluice',
      ...(own ? known : {}),
      ...(json ? { accept: 'application/json' } : {}),
    };
    made[at] = sent;
    return sent;
  };
}

function secretOf(secrets: Readonly<Record<string, string>>, name: string): string {
  const value = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
  if (value !== undefined) return value;
  throw new Error(`http.headers asks for the secret '${name}': add it to the job's secrets.`);
}
