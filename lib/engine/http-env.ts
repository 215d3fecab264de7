import type { Breaker } from '../core/breaker.ts';
import type { HeaderValues, Http } from '../core/http.ts';
import { type HttpMeter, newHttpMeter } from '../core/http-meter.ts';
import { type HttpPlan, httpPlan } from '../core/http-plan.ts';
import type { ItemLogger } from '../core/job.ts';
import type { Clock } from '../ports/clock.ts';
import type { Aborting, HttpWire } from '../ports/http.ts';
import type { QuotaEnv, QuotaItem } from './item-quota.ts';
import type { AttemptEnv } from './item-run.ts';

/** What a process has one of, over all its items: the client, and what is known of each host. */
export interface HttpHost {
  /** Loads it on first use: a worker whose job has no `http` does without half a megabyte of code. */
  client(): Promise<HttpClient>;
  /** Breakers by host, as it is now. */
  breakers: Map<string, Breaker>;
  /** Bounds of open requests by origin, where a job has one. */
  permits: Map<string, { acquire(): Promise<() => void> }>;
  close(): Promise<void>;
}

export interface HttpClient {
  wire: HttpWire;
  httpClient(env: HttpEnv, item: HttpItem): Http;
}

/** What calls of an item need of the attempt. */
export interface HttpEnv {
  plan: HttpPlan;
  host: HttpHost;
  meter: HttpMeter;
  clock: Clock;
  random(): number;
  itemTimeoutMs: number;
  tries: number;
  backoff: { baseMs: number; maxMs: number };
  /** Absent where the job declares no quota. */
  quotas: QuotaEnv | undefined;
  /** The headers of the settings, names in lower case. */
  headers(): Readonly<Record<string, string>>;
  /** Told while an item waits for its host, so that nobody takes it for hanging. */
  waiting(): void;
}

/** An item, as its calls see it. */
export interface HttpItem extends QuotaItem {
  /** Ends its calls, as `signal` does. */
  readonly aborting: Aborting;
  readonly log: ItemLogger;
}

/** Undefined for a job without `http`, which then costs nothing. */
export function newHttpEnv(env: AttemptEnv, quotas: QuotaEnv | undefined): HttpEnv | undefined {
  const plan = httpPlan(env.job, env.options);
  if (plan === undefined || env.http === undefined) return undefined;
  const { settings, clock, secrets } = env;
  let headers: Record<string, string> | undefined;
  return {
    plan,
    host: env.http,
    meter: newHttpMeter(),
    clock,
    random: env.random,
    itemTimeoutMs: settings.itemTimeoutMs,
    tries: plan.tries ?? settings.tries,
    backoff: { baseMs: settings.retryBaseMs, maxMs: settings.retryMaxMs },
    quotas,
    headers() {
      headers ??= lowerNames(
        typeof plan.headers === 'function'
          ? plan.headers((name) => secretOf(secrets, name))
          : (plan.headers ?? {}),
      );
      return headers;
    },
    waiting: () => env.waiting?.(),
  };
}

export const lowerNames = (headers: HeaderValues): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function secretOf(secrets: Readonly<Record<string, string>>, name: string): string {
  const value = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
  if (value !== undefined) return value;
  throw new Error(`http.headers asks for the secret '${name}': add it to the job's secrets.`);
}
