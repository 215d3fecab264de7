import { parseDuration } from './duration.ts';
import { SluiceError } from './errors.ts';
import type { Job } from './job.ts';
import { isGroup } from './step.ts';

/** Calls that a remote allows in any rolling window of a length. */
export interface QuotaWindow {
  /** 1 to 10,000,000. */
  calls: number;
  /** '100ms' to '31d'. */
  per: string;
}

/** A remote's limit: shared by every worker, thread and batch that names it. */
export interface QuotaDefinition<R = unknown> extends QuotaWindow {
  /** Further windows, which hold at the same time: 10,000 a day beside 100 a minute. */
  also?: readonly QuotaWindow[];
  /** The quota holds for each key apart, such as a tenant; the row is as the reader gave it. */
  key?(row: R): string;
  /** Most that any worker's clock is off; default '500ms'. At most '10s'. */
  skew?: string;
  /** From the start of a call until the remote counts it; default '500ms'. At most '60s'. */
  sendTime?: string;
}

/** Quotas by name; a function where they depend on the job's options. */
export type Quotas<R = unknown, O = Record<string, unknown>> =
  | Readonly<Record<string, QuotaDefinition<R>>>
  | ((options: O) => Readonly<Record<string, QuotaDefinition<R>>>);

/** A quota as slots are leased by it: plain data, so that it crosses to a thread. */
export interface QuotaPlan {
  name: string;
  /** Its windows in canonical form: who names the same quota with other windows is noticed. */
  spec: string;
  /** Microseconds from slot to slot: the strictest of the windows up to 10 minutes; 0 for none. */
  gapUs: number;
  /** The longest of those windows, ms. */
  shortMs: number;
  /** Windows above 10 minutes. */
  long: readonly { calls: number; ms: number }[];
  /** 2 x skew + grace + send time, microseconds. */
  marginUs: number;
  /** Slots that are leased before an item starts. */
  callsPerItem: number;
  /** The declared window of which least is usable: its share, from 0 to 1. */
  share: number;
  /** It holds for each key apart. */
  keyed: boolean;
}

/** A quota of a job, and what gives a row's key. */
export interface JobQuota {
  plan: QuotaPlan;
  key: ((row: unknown) => string) | undefined;
}

/** What a batch's quotas mean for it: frozen in its settings. */
export interface QuotaSettings {
  /** Milliseconds from item to item at least, by the slowest quota: what an estimate must not undercut. */
  itemMs: number;
  /** The quota of which least is usable, its windows (`calls/ms`), and that share, from 0 to 1. */
  name: string;
  spec: string;
  share: number;
}

/** A slot is good for so long after its time: timers are late, and so is an event loop at work. */
export const GRACE_MS = 500;
/** Above it sub-buckets are cheaper than spacing: bursts are allowed, at 1 % of the quota. */
const LONGEST_SPACED_MS = 600_000;
/**
 * A bucket counts until it is wholly outside the window: 1 / (160 + 1) of the quota, and the margin. With 100, a
 * window of ten minutes and its margin of 2 s would lose 1.3 %.
 */
export const SUB_BUCKETS = 160;

const NAME = /^[a-z][a-z0-9-]{0,39}$/;
const MAX_QUOTAS = 10;
const MAX_WINDOWS = 4;
const MAX_CALLS = 10_000_000;
const [MIN_PER_MS, MAX_PER_MS] = [100, 31 * 86_400_000];

/** The quotas of a job with these options, checked. Throws a SluiceError that names what is wrong. */
export function jobQuotas(
  { name, quotas, limits, steps }: Pick<Job, 'name' | 'quotas' | 'limits' | 'steps'>,
  options: Record<string, unknown>,
): JobQuota[] {
  // A group's calls are not its rows': it asks for slots itself.
  const perItem = limits?.callsPerItem ?? (steps?.some(isGroup) ? 0 : undefined);
  if (quotas === undefined) {
    if (limits?.callsPerItem === undefined) return [];
    throw new SluiceError('BAD_JOB', `Job ${name} sets callsPerItem, but has no quotas.`, {
      hint: "Declare them: quotas: { api: { calls: 100, per: '1m' } }.",
    });
  }
  const declared = Object.entries(typeof quotas === 'function' ? quotas(options) : quotas);
  if (declared.length > MAX_QUOTAS) {
    refuse(`Job ${name} has ${declared.length} quotas; at most ${MAX_QUOTAS} are possible.`);
  }
  for (const given of typeof perItem === 'object' ? Object.keys(perItem) : []) {
    if (!declared.some(([one]) => one === given)) {
      const known = declared.map(([one]) => one).join(', ');
      refuse(`limits.callsPerItem names the quota '${given}', which is not declared.`, known);
    }
  }
  return declared.map(([quota, definition]) => ({
    plan: planOf(quota, definition, callsOf(quota, perItem)),
    key: definition.key?.bind(definition),
  }));
}

function callsOf(quota: string, given: number | Readonly<Record<string, number>> | undefined) {
  const calls = typeof given === 'object' ? (given[quota] ?? 1) : (given ?? 1);
  if (Number.isInteger(calls) && calls >= 0 && calls <= 1000) return calls;
  return refuse(
    `limits.callsPerItem of quota ${quota} must be a whole number from 0 to 1000; got ${String(calls)}.`,
  );
}

function planOf(name: string, definition: QuotaDefinition, callsPerItem: number): QuotaPlan {
  if (!NAME.test(name)) {
    refuse(
      `A quota's name must be lower-case letters, digits and dashes, at most 40 characters; got ${JSON.stringify(name)}.`,
    );
  }
  const { also = [], skew = '500ms', sendTime = '500ms', key } = definition;
  if (key !== undefined && typeof key !== 'function') {
    refuse(`quotas.${name}.key must be a function of the row; got ${typeof key}.`);
  }
  if (!Array.isArray(also) || also.length >= MAX_WINDOWS) {
    refuse(`quotas.${name}.also must be a list of at most ${MAX_WINDOWS - 1} windows.`);
  }
  const windows = [definition, ...also].map((one, at) =>
    windowOf(at === 0 ? `quotas.${name}` : `quotas.${name}.also[${at - 1}]`, one),
  );
  const skewMs = bounded(`quotas.${name}.skew`, skew, { min: 0, max: 10_000 });
  const sendMs = bounded(`quotas.${name}.sendTime`, sendTime, { min: 0, max: 60_000 });
  const fewest = Math.min(...windows.map(({ calls }) => calls));
  if (callsPerItem > fewest) {
    refuse(
      `limits.callsPerItem is ${callsPerItem}, but quota ${name} allows ${fewest} calls: no item could ever run.`,
    );
  }
  const marginMs = 2 * skewMs + GRACE_MS + sendMs;
  const short = windows.filter(({ ms }) => ms <= LONGEST_SPACED_MS);
  // One microsecond more: windows are half open, and clocks count in fractions.
  const gaps = short.map(({ calls, ms }) => Math.ceil(((ms + marginMs) * 1000 + 1) / calls));
  return {
    name,
    spec: windows.map(({ calls, ms }) => `${calls}/${ms}`).join(','),
    gapUs: Math.max(0, ...gaps),
    shortMs: Math.max(0, ...short.map(({ ms }) => ms)),
    long: windows.filter(({ ms }) => ms > LONGEST_SPACED_MS),
    marginUs: marginMs * 1000,
    callsPerItem,
    share: Math.min(...windows.map(({ ms }) => usableShare(ms, marginMs))),
    keyed: key !== undefined,
  };
}

/** What spacing leaves of a window, and what sub-buckets leave of a long one. */
const usableShare = (ms: number, marginMs: number): number =>
  ms <= LONGEST_SPACED_MS ? ms / (ms + marginMs) : ms / (ms + ms / SUB_BUCKETS + marginMs);

function windowOf(label: string, { calls, per }: QuotaWindow): { calls: number; ms: number } {
  if (!Number.isInteger(calls) || calls < 1 || calls > MAX_CALLS) {
    refuse(
      `${label}.calls must be a whole number from 1 to ${MAX_CALLS}; got ${JSON.stringify(calls)}.`,
    );
  }
  return { calls, ms: bounded(`${label}.per`, per, { min: MIN_PER_MS, max: MAX_PER_MS }) };
}

function bounded(label: string, text: string, { min, max }: { min: number; max: number }): number {
  const ms = parseDuration(label, text);
  if (ms >= min && ms <= max) return ms;
  return refuse(`${label} must be from ${min} to ${max} ms; got '${text}'.`);
}

function refuse(message: string, known?: string): never {
  const hint = known === undefined ? {} : { hint: `Declared: ${known || 'none'}.` };
  throw new SluiceError('BAD_JOB', message, hint);
}
