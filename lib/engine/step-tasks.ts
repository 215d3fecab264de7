import type { UnavailableError } from '../core/errors.ts';
import type { Pull } from '../pool/run-bounded.ts';
import type { Control, ControlState } from './engine.ts';
import type { Full, Groups, Traveller } from './groups.ts';
import type { ItemContext } from './item-context.ts';
import type { Taken } from './record-source.ts';

export interface FlowSpan {
  /** Place in the round's input of the chunk's first row, and of the first that is still to be taken. */
  first: number;
  from: number;
  /** The place after the last one. */
  until: number;
  source: Pull<Taken>;
  control: Pick<Control, 'state'>;
}

/** A row, as the flow carries it. */
export interface Rider extends Traveller {
  taken: Taken;
  context: ItemContext;
  key: string | null;
}

export type Task = Taken | { rider: Rider; at: number; since: number } | { full: Full<Rider> };

/** After a stop, rows that are already through a group may begin their next step for so long. */
const TAIL_MS = 5_000;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What is to be done next: rows that are on their way first, then new ones, then groups that nobody joins. */
export class Tasks implements Pull<Task> {
  readonly #clock: { monotonic(): number };
  readonly #span: FlowSpan;
  readonly #groups: Groups<Rider>;
  readonly #waiting: Exclude<Task, Taken>[] = [];
  readonly #idle: (() => void)[] = [];
  #running = 0;
  #dry = false;
  #blocked: UnavailableError | undefined;
  /** Rows that were read and are not begun yet: they count as running. */
  #handed = 0;

  constructor(clock: { monotonic(): number }, span: FlowSpan, groups: Groups<Rider>) {
    this.#clock = clock;
    this.#span = span;
    this.#groups = groups;
  }

  next(): IteratorResult<Task> | Promise<IteratorResult<Task>> {
    const waiting = this.#waiting;
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      const [state, blocked] = [this.#span.control.state(), this.#blocked];
      if (mayGoOn(task, { state, blocked, now: this.#clock.monotonic() })) {
        return { done: false, value: task };
      }
    }
    const next = this.#dry || this.#blocked !== undefined ? undefined : this.#fromSource();
    if (next !== undefined) return next;
    if (this.#running === 0) {
      waiting.push(...this.#groups.flush().map((full) => ({ full })));
      if (waiting.length === 0) return DONE;
      this.#wake();
      return this.next();
    }
    return new Promise<void>((resolve) => this.#idle.push(resolve)).then(() => this.next());
  }

  begin(): void {
    if (this.#handed > 0) this.#handed -= 1;
    else this.#running += 1;
  }

  end(): void {
    this.#running -= 1;
    this.#wake();
  }

  /** Nothing was stopped: a row that is through a group may begin its next step at once. */
  mayStart(): boolean {
    return this.#blocked === undefined && this.#span.control.state() === 'go';
  }

  /** Rows that may go on with step `at`. */
  ready(riders: readonly Rider[], at: number): void {
    if (riders.length === 0) return;
    const since = this.#clock.monotonic();
    for (const rider of riders) this.#waiting.push({ rider, at, since });
    this.#wake();
  }

  block(error: UnavailableError): void {
    this.#blocked ??= error;
  }

  get blocked(): UnavailableError | undefined {
    return this.#blocked;
  }

  #wake(): void {
    if (this.#idle.length === 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #fromSource(): IteratorResult<Task> | Promise<IteratorResult<Task>> | undefined {
    const next = this.#span.source.next();
    if (!(next instanceof Promise)) {
      this.#dry = next.done === true;
      return this.#dry ? undefined : next;
    }
    this.#running += 1;
    const noMore = (): void => {
      this.#dry = true;
      this.#running -= 1;
      this.#wake();
    };
    return next.then(
      (step) => {
        if (step.done === true) noMore();
        else this.#handed += 1;
        return step.done === true ? this.next() : step;
      },
      (error: unknown) => {
        noMore();
        throw error;
      },
    );
  }
}

/** After a stop a group that is there may still be called, and its rows begin their next step for a while. */
function mayGoOn(
  task: Exclude<Task, Taken>,
  { state, blocked, now }: { state: ControlState; blocked: unknown; now: number },
): boolean {
  if (state === 'lost' || ('full' in task && blocked !== undefined)) return false;
  const stopped = blocked !== undefined || state === 'pause' || state === 'drain';
  return !stopped || 'full' in task || now - task.since < TAIL_MS;
}
