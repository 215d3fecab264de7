import type { ItemLogger, JobContext } from '../core/job.ts';
import { seededRandom } from '../core/rng.ts';
import type { Clock } from '../ports/clock.ts';

/** What all items of one attempt share. */
export interface SharedContext {
  job: string;
  now: number;
  options: Record<string, unknown>;
  secrets: Readonly<Record<string, string>>;
  clock: Clock;
}

/** Lines an item may log, and characters of each: what goes beyond is counted, not kept. */
const MAX_LINES = 100;
const MAX_LINE = 4096;

/** The context of one item; its signal, log and rng are made on first use, since most items need none. */
export class ItemContext implements JobContext {
  readonly index: number;
  attempt = 1;
  readonly #shared: SharedContext;
  readonly #raw: string;
  #key: string | null = null;
  #controller: AbortController | undefined;
  #rng: (() => number) | undefined;
  #lines: string[] | undefined;
  #dropped = 0;

  constructor(shared: SharedContext, index: number, raw: string) {
    this.index = index;
    this.#shared = shared;
    this.#raw = raw;
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

  rng(): number {
    // A new try draws the same numbers: a retried item must not depend on how often it failed.
    this.#rng ??= seededRandom(`${this.#shared.job}\0${this.index}\0${this.#raw}`);
    return this.#rng();
  }

  /** The key that the item's log lines carry. */
  named(key: string | null): void {
    this.#key = key;
  }

  nextTry(): void {
    this.attempt += 1;
    this.#rng = undefined;
  }

  abort(reason: Error): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
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
      index: this.index,
      key: this.#key,
    };
    const whole = safeJson({ ...head, msg: String(message), ...fields });
    if (whole !== undefined && whole.length <= MAX_LINE) return `${whole}\n`;
    return `${JSON.stringify({ ...head, msg: String(message).slice(0, MAX_LINE / 4), cut: true })}\n`;
  }
}

function safeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
