import { parseDuration } from './duration.ts';
import { SluiceError } from './errors.ts';

/** What `check` says of a remote's work: its value, or how far it is. */
export type PollAnswer<T> =
  | { done: T }
  /** Anything JSON can hold; work whose progress does not change for `stallAfter` is stalled. */
  | { progress: unknown };

export interface PollOptions {
  /** How often to ask: each row holds until the work is that old, the last one for ever. Default: 1 s for 30 s, 3 s until 2 min, then 5 s. */
  every?: readonly { wait: string; until?: string }[];
  /** Stalled after so long without any change of the progress; default '15m'. */
  stallAfter?: string;
  /** Given up after so long, whatever the progress says; default '1d'. */
  giveUpAfter?: string;
}

/** Remote work that an item waits for. Kept with the saved rows, never in a record of the store. */
export interface OpenPoll {
  /** Place of the item in its chunk, and which poll of the item it is. */
  at: number;
  name: string;
  /** What the remote calls the work. */
  id: string;
  /** When it was submitted, last checked, and is to be checked again; ms since 1970. */
  since: number;
  checkedAt: number;
  next: number;
  /** Milliseconds without a change, as far as anybody looked. */
  silentMs: number;
  /** JSON of the last progress, or a digest of a long one. */
  seen: string;
}

/** What remotes call the work that an item waits for, by the name of its poll. */
export type Remotes = Readonly<Record<string, string>>;

export interface PollPlan {
  rows: { waitMs: number; untilMs: number }[];
  stallMs: number;
  giveUpMs: number;
}

const EVERY = [{ wait: '1s', until: '30s' }, { wait: '3s', until: '2m' }, { wait: '5s' }] as const;
const MIN_WAIT_MS = 100;
const MAX_WAIT_MS = 24 * 3_600_000;
const MAX_ROWS = 10;

/** The options in milliseconds. Throws `USAGE` with the option, its bound and its value. */
export function pollPlan(options: PollOptions = {}): PollPlan {
  const { every = EVERY, stallAfter = '15m', giveUpAfter = '1d' } = options;
  if (!Array.isArray(every) || every.length < 1 || every.length > MAX_ROWS) {
    throw new SluiceError('USAGE', `poll's every must be a list of 1 to ${MAX_ROWS} rows.`);
  }
  const rows = every.map(({ wait, until }: { wait: string; until?: string }, at) => ({
    waitMs: bounded(`every[${at}].wait`, wait, { least: MIN_WAIT_MS }),
    untilMs:
      until === undefined || at === every.length - 1
        ? Number.POSITIVE_INFINITY
        : bounded(`every[${at}].until`, until, { least: MIN_WAIT_MS }),
  }));
  return {
    rows,
    stallMs: bounded('stallAfter', stallAfter, { least: 1_000 }),
    giveUpMs: bounded('giveUpAfter', giveUpAfter, { least: 1_000, most: 31 * MAX_WAIT_MS }),
  };
}

function bounded(
  name: string,
  text: unknown,
  { least, most = MAX_WAIT_MS }: { least: number; most?: number },
): number {
  const ms = parseDuration(`poll's ${name}`, text);
  if (ms >= least && ms <= most) return ms;
  throw new SluiceError(
    'USAGE',
    `poll's ${name} must be between ${least} ms and ${most / 3_600_000} h; got ${JSON.stringify(text)}.`,
  );
}

/** The wait before the next check of work that is `ageMs` old. */
export const waitOf = ({ rows }: PollPlan, ageMs: number): number =>
  (rows.find(({ untilMs }) => ageMs < untilMs) ?? (rows.at(-1) as { waitMs: number })).waitMs;

export const newPoll = (
  plan: PollPlan,
  { at, name, id, now }: Pick<OpenPoll, 'at' | 'name' | 'id'> & { now: number },
): OpenPoll => {
  const next = now + waitOf(plan, 0);
  return { at, name, id, since: now, checkedAt: now, next, silentMs: 0, seen: '' };
};

/** A pause, a stopped process or a clock that jumps says nothing of the remote: so much of a gap counts as silence, in waits. */
const COUNTED_WAITS = 4;

/**
 * The poll after a check at `now` (ms since 1970) that found the work not done; `seen` undefined = the check
 * said nothing (a passing fault), which is no change. The next check comes after the plan's wait, or `waitMs`
 * where the remote asked for more.
 */
export function afterCheck(
  plan: PollPlan,
  poll: OpenPoll,
  { now, seen, waitMs = 0 }: { now: number; seen: string | undefined; waitMs?: number },
): OpenPoll {
  const wait = Math.max(waitMs, waitOf(plan, Math.max(0, now - poll.since)));
  const gap = Math.min(Math.max(0, now - poll.checkedAt), COUNTED_WAITS * wait);
  const changed = seen !== undefined && seen !== poll.seen;
  return {
    ...poll,
    checkedAt: now,
    next: now + wait,
    silentMs: changed ? 0 : poll.silentMs + gap,
    seen: seen ?? poll.seen,
  };
}

/** When the next check is due, ms since 1970: at once after a clock went back, or an hour's jump would be an hour's wait. */
export const dueAt = ({ next, checkedAt }: OpenPoll, now: number): number =>
  now < checkedAt ? now : next;
