import type { ItemError } from '../core/errors.ts';
import type { Http } from '../core/http.ts';
import type { ItemLogger, JobContext, Quota } from '../core/job.ts';
import type { PollAnswer, PollOptions, Remotes } from '../core/poll.ts';
import { seededRandom } from '../core/rng.ts';
import type { Clock } from '../ports/clock.ts';
import { Abortable } from './aborting.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { itemHttp } from './item-http.ts';
import { type PollEnv, type PollItem, pollRemote } from './item-poll.ts';
import { itemQuota, type Lent, type QuotaEnv } from './item-quota.ts';

/** What all items of one attempt share. */
export interface SharedContext {
  job: string;
  now: number;
  options: Record<string, unknown>;
  secrets: Readonly<Record<string, string>>;
  clock: Clock;
  /** Absent where the job declares no quota. */
  quotas?: QuotaEnv | undefined;
  /** Absent where nothing can be polled: in a worker thread. */
  polling?: PollEnv | undefined;
  /** Why what an ok item's line gives is not fit for the stage behind it. */
  unfit?: ((line: string, one: NumberedValue | undefined) => ItemError | undefined) | undefined;
  /** The items are groups: they have keys, and nobody knows their numbers yet. */
  grouped?: boolean | undefined;
  /** Absent where the job has no `http`. */
  http?: HttpEnv | undefined;
}

/** The JSON text of a value, and the value where that was parsed already. */
export interface OneValue {
  text: string;
  parsed?: unknown;
}

/** The only value that a line gives, with the number of its item. */
export interface NumberedValue extends OneValue {
  number: number | undefined;
}

/** Lines an item may log, and characters of each: what goes beyond is counted, not kept. */
const MAX_LINES = 100;
const MAX_LINE = 4096;

/** The context of one item; its signal, log and rng are made on first use, since most items need none. */
export class ItemContext implements JobContext, HttpItem, PollItem {
  readonly index: number;
  attempt = 1;
  lent: Lent | undefined;
  startedAt = 0;
  calls = 0;
  putBackUntil: number | undefined;
  place = 0;
  remotes: Remotes | undefined;
  parkedUntil: number | undefined;
  readonly #shared: SharedContext;
  readonly #raw: string;
  #key: string | null = null;
  #controller: AbortController | undefined;
  #rng: (() => number) | undefined;
  #lines: string[] | undefined;
  #dropped = 0;
  #http: Http | undefined;
  #aborting: Abortable | undefined;
  #step = 0;
  #tries = 0;
  #polls = 0;

  constructor(shared: SharedContext, index: number, raw: string) {
    this.index = index;
    this.#shared = shared;
    this.#raw = raw;
    if (isTimed(shared)) this.startedAt = shared.clock.monotonic();
  }

  get now(): number {
    return this.#shared.now;
  }

  get options(): Record<string, unknown> {
    return this.#shared.options;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  get aborting(): Abortable {
    this.#aborting ??= new Abortable();
    return this.#aborting;
  }

  get log(): ItemLogger {
    return {
      debug: (message, fields) => this.#write('debug', message, fields),
      info: (message, fields) => this.#write('info', message, fields),
      warn: (message, fields) => this.#write('warn', message, fields),
      error: (message, fields) => this.#write('error', message, fields),
    };
  }

  secret(name: string): string {
    const value = Object.hasOwn(this.#shared.secrets, name)
      ? this.#shared.secrets[name]
      : undefined;
    if (value !== undefined) return value;
    throw new Error(`The job does not name the secret '${name}': add it to its secrets.`);
  }

  quota(name?: string, key?: string): Quota {
    const { quotas } = this.#shared;
    if (quotas !== undefined) return itemQuota(quotas, this, { name, key });
    throw new Error(
      `The job declares no quota${name === undefined ? '' : ` '${name}'`}: add it to its quotas.`,
    );
  }

  poll<T>(
    submit: (call: { idempotencyKey: string }) => string | Promise<string>,
    check: (remoteId: string) => PollAnswer<T> | Promise<PollAnswer<T>>,
    options?: PollOptions,
  ): Promise<T> {
    const { polling } = this.#shared;
    if (polling === undefined) {
      throw new Error('ctx.poll waits for a remote: leave out `cpu: true` in a job that polls.');
    }
    const name = `${this.#step}.${this.#polls}`;
    this.#polls += 1;
    return pollRemote(polling, this, { name, submit, check, options });
  }

  restartTimeout(inMs = 0): void {
    this.startedAt = this.#shared.clock.monotonic() + inMs;
  }

  get http(): Http {
    this.#http ??= itemHttp(this.#shared.http, this);
    return this.#http;
  }

  rng(): number {
    // A new try draws the same numbers: a retried item must not depend on how often it failed.
    // Each step draws its own, or a step that is repeated would shift those of the next.
    const step = this.#step === 0 ? '' : `\0${this.#step}`;
    const index = this.number ?? '';
    this.#rng ??= seededRandom(`${this.#shared.job}\0${index}\0${this.#raw}${step}`);
    return this.#rng();
  }

  /** The index that its lines carry; a group has none. */
  get number(): number | undefined {
    return this.#shared.grouped === true ? undefined : this.index;
  }

  unfit(line: string, one: OneValue | undefined): ItemError | undefined {
    const { unfit } = this.#shared;
    if (unfit === undefined) return undefined;
    return unfit(line, one && { text: one.text, parsed: one.parsed, number: this.number });
  }

  /** The key that the item's log lines carry. */
  named(key: string | null): void {
    this.#key = key;
  }

  get key(): string | null {
    return this.#key;
  }

  /** @param same nothing was tried: the same try begins again */
  nextTry(same = false): void {
    if (!same) this.attempt += 1;
    this.#rng = undefined;
    this.#polls = 0;
  }

  /** The next step counts its own tries, and its time is not over. */
  enterStep(step: number): void {
    this.#tries = this.tries;
    this.#step = step;
    this.attempt = 1;
    this.#polls = 0;
    this.#rng = undefined;
    this.#controller = undefined;
    this.#aborting = undefined;
    if (isTimed(this.#shared)) this.startedAt = this.#shared.clock.monotonic();
  }

  /** The most that one step needed. */
  get tries(): number {
    return Math.max(this.#tries, this.attempt);
  }

  abort(reason: Error): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
    this.aborting.abort(reason);
  }

  /** All lines so far, as text. */
  lines(): string | undefined {
    if (this.#lines === undefined) return undefined;
    if (this.#dropped > 0) {
      const message = `${this.#dropped} more lines were dropped: an item may log ${MAX_LINES}`;
      this.#lines.push(this.#line('warn', message, undefined));
      this.#dropped = 0;
    }
    return this.#lines.join('');
  }

  #write(level: string, message: string, fields: Record<string, unknown> | undefined): void {
    this.#lines ??= [];
    if (this.#lines.length >= MAX_LINES) this.#dropped += 1;
    else this.#lines.push(this.#line(level, message, fields));
  }

  #line(level: string, message: string, fields: Record<string, unknown> | undefined): string {
    const head = {
      time: Math.round(this.#shared.clock.now()),
      level,
      index: this.number,
      key: this.#key,
    };
    const whole = safeJson({ ...head, msg: String(message), ...fields });
    if (whole !== undefined && whole.length <= MAX_LINE) return `${whole}\n`;
    return `${JSON.stringify({ ...head, msg: String(message).slice(0, MAX_LINE / 4), cut: true })}\n`;
  }
}

/** Only calls ask how much of an item's time is left. */
const isTimed = ({ quotas, http }: SharedContext): boolean =>
  quotas !== undefined || http !== undefined;

function safeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
