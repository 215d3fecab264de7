import type { BreakerPlan } from './breaker.ts';
import { parseDuration } from './duration.ts';
import { SluiceError } from './errors.ts';
import type { BreakerSettings, HttpSettings } from './http.ts';
import type { Job } from './job.ts';
import { jobQuotas } from './quota.ts';

/** A job's HTTP settings, all set and checked; times in milliseconds. */
export interface HttpPlan {
  /** Without a slash at its end. */
  baseUrl: string | undefined;
  /** Its origin: the only one that `headers` go to. */
  origin: string | undefined;
  /** Its host, and its port where that is not the scheme's own. */
  host: string | undefined;
  headers: HttpSettings['headers'];
  quota: string | false | undefined;
  requestMs: number;
  totalMs: number | undefined;
  maxBytes: number;
  /** Undefined: as many as the item has. */
  tries: number | undefined;
  redirects: number;
  guard: boolean;
  /** In lower case. */
  allowHosts: readonly string[];
  connections: number | undefined;
  breaker: BreakerPlan | undefined;
  whenDown: 'wait' | 'fail';
}

interface Bound {
  min: number;
  max: number;
}
const REQUEST_MS: Bound = { min: 1, max: 870_000 };
const MAX_BYTES: Bound = { min: 1, max: 1024 ** 3 };
const TRIES: Bound = { min: 1, max: 20 };
const REDIRECTS: Bound = { min: 0, max: 3 };
const CONNECTIONS: Bound = { min: 1, max: 1000 };
const OPEN_MS: Bound = { min: 10, max: 900_000 };

const SETTINGS = [
  'baseUrl',
  'headers',
  'quota',
  'requestTimeout',
  'totalTimeout',
  'maxBytes',
  'tries',
  'redirects',
  'guard',
  'allowHosts',
  'connections',
  'breaker',
  'whenDown',
];
const BREAKER = ['failures', 'of', 'open', 'maxOpen', 'openings'];

type HttpJob = Pick<Job, 'name' | 'quotas' | 'limits' | 'steps'> & {
  http?: Job['http'] | undefined;
};

/** The HTTP settings of a job with these options. Throws a SluiceError that names what is wrong. */
export function httpPlan(job: HttpJob, options: Record<string, unknown>): HttpPlan | undefined {
  if (job.http === undefined) return undefined;
  const given: HttpSettings = typeof job.http === 'function' ? job.http(options) : job.http;
  requireObject('http', given);
  onlyKnown('http', given, SETTINGS);
  const { headers, guard = false, whenDown = guard ? 'fail' : 'wait', connections } = given;
  if (typeof guard !== 'boolean') refuse(`http.guard must be true or false; got ${said(guard)}.`);
  if (whenDown !== 'wait' && whenDown !== 'fail') {
    refuse(`http.whenDown must be 'wait' or 'fail'; got ${said(whenDown)}.`);
  }
  if (headers !== undefined && typeof headers !== 'function')
    requireObject('http.headers', headers);
  const baseUrl = given.baseUrl === undefined ? undefined : baseOf(given.baseUrl);
  const base = baseUrl === undefined ? undefined : new URL(baseUrl);
  return {
    baseUrl,
    origin: base?.origin,
    host: base?.host,
    headers,
    quota: quotaOf(job, options, given.quota),
    ...boundsOf(given),
    guard,
    allowHosts: hostsOf(given.allowHosts, guard),
    connections:
      connections === undefined ? undefined : whole('http.connections', connections, CONNECTIONS),
    breaker: breakerOf(given.breaker),
    whenDown,
  };
}

export type Bounds = Pick<HttpPlan, 'requestMs' | 'totalMs' | 'maxBytes' | 'tries' | 'redirects'>;
type GivenBounds = Pick<
  HttpSettings,
  'requestTimeout' | 'totalTimeout' | 'maxBytes' | 'tries' | 'redirects'
>;

/** What a call may override too, with `label` before its names. */
export function boundsOf(given: GivenBounds, defaults?: Bounds, label = 'http.'): Bounds {
  const { requestTimeout, totalTimeout, maxBytes, tries, redirects } = given;
  const time = (name: string, text: string | undefined, known: number | undefined) =>
    text === undefined ? known : duration(`${label}${name}`, text, REQUEST_MS);
  const number = (name: string, value: number | undefined, bound: Bound) =>
    value === undefined ? undefined : whole(`${label}${name}`, value, bound);
  return {
    requestMs: time('requestTimeout', requestTimeout, defaults?.requestMs) ?? 10_000,
    totalMs: time('totalTimeout', totalTimeout, defaults?.totalMs),
    maxBytes: number('maxBytes', maxBytes, MAX_BYTES) ?? defaults?.maxBytes ?? 10 * 1024 * 1024,
    tries: number('tries', tries, TRIES) ?? defaults?.tries,
    redirects: number('redirects', redirects, REDIRECTS) ?? defaults?.redirects ?? 3,
  };
}

function baseOf(text: unknown): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    refuse(
      `http.baseUrl must begin with http:// or https:// and end before any ? or #; got ${said(text)}.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    refuse(
      `http.baseUrl must hold no user name or password; got some for ${url.host}. Send them as a header: http.headers.`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

function quotaOf(
  job: HttpJob,
  options: Record<string, unknown>,
  quota: HttpSettings['quota'],
): HttpPlan['quota'] {
  if (quota === undefined || quota === false) return quota;
  const names = jobQuotas(job, options).map(({ plan }) => plan.name);
  if (names.includes(quota)) return quota;
  return refuse(
    `http.quota must be a quota of the job (${names.join(', ') || 'it has none'}) or false; got ${said(quota)}.`,
  );
}

function hostsOf(hosts: HttpSettings['allowHosts'], guard: boolean): readonly string[] {
  if (hosts === undefined) return [];
  if (!guard) {
    refuse('http.allowHosts opens hosts that http.guard closes: set guard: true, or leave it out.');
  }
  const isHost = (host: unknown): boolean =>
    typeof host === 'string' && /^[^\s/@?#]+$/.test(host) && URL.canParse(`http://${host}`);
  const wrong = Array.isArray(hosts) ? hosts.find((host) => !isHost(host)) : hosts;
  if (wrong === undefined) return hosts.map((host) => host.toLowerCase());
  return refuse(
    `http.allowHosts must be a list of hosts, such as 'intranet.example.org' or 'localhost:8080'; got ${said(wrong)}.`,
  );
}

function breakerOf(given: BreakerSettings | false | undefined): BreakerPlan | undefined {
  if (given === false) return undefined;
  const settings = given ?? {};
  requireObject('http.breaker', settings);
  onlyKnown('http.breaker', settings, BREAKER);
  const { failures = 10, of = 20, open = '1s', maxOpen = '60s', openings = 10 } = settings;
  const last = whole('http.breaker.of', of, { min: 1, max: 30 });
  const openMs = duration('http.breaker.open', open, OPEN_MS);
  return {
    of: last,
    failures: whole('http.breaker.failures', failures, { min: 1, max: last }),
    openMs,
    maxOpenMs: duration('http.breaker.maxOpen', maxOpen, { ...OPEN_MS, min: openMs }),
    openings: whole('http.breaker.openings', openings, { min: 1, max: 1000 }),
  };
}

function whole(label: string, value: number, { min, max }: Bound): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  return refuse(`${label} must be a whole number from ${min} to ${max}; got ${said(value)}.`);
}

function duration(label: string, text: string, { min, max }: Bound): number {
  const ms = parseDuration(label, text);
  if (ms >= min && ms <= max) return ms;
  return refuse(`${label} must be from ${min} to ${max} ms; got ${said(text)}.`);
}

function requireObject(label: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  refuse(`${label} must be an object; got ${said(value)}.`);
}

function onlyKnown(label: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  refuse(`${label} has no setting '${unknown}': it has ${known.join(', ')}.`);
}

const said = (value: unknown): string => (JSON.stringify(value) ?? typeof value).slice(0, 100);

function refuse(message: string): never {
  throw new SluiceError('BAD_JOB', message);
}
