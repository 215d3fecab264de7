import type { UnavailableError } from '../core/errors.ts';
import type { Pull } from '../pool/run-bounded.ts';
import type { ControlState } from './engine.ts';
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
  state(): ControlState;
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
export interface Tasks extends Pull<Task> {
  begin(): void;
  end(): void;
  /** Nothing was stopped: a row that is through a group may begin its next step at once. */
  mayStart(): boolean;
  /** Rows that may go on with step `at`. */
  ready(riders: readonly Rider[], at: number): void;
  block(error: UnavailableError): void;
  blocked(): UnavailableError | undefined;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What is to be done next: rows that are on their way first, then new ones, then groups that nobody joins. */
export function newTasks(
  clock: { monotonic(): number },
  { source, state }: FlowSpan,
  groups: Groups<Rider>,
): Tasks {
  const waiting: Exclude<Task, Taken>[] = [];
  const idle: (() => void)[] = [];
  let running = 0;
  let dry = false;
  let blocked: UnavailableError | undefined;
  /** Rows that were read and are not begun yet: they count as running. */
  let handed = 0;
  const wake = (): void => {
    if (idle.length === 0) return;
    for (const resolve of idle.splice(0)) resolve();
  };
  const fromSource = (): IteratorResult<Task> | Promise<IteratorResult<Task>> | undefined => {
    const next = source.next();
    if (!(next instanceof Promise)) {
      dry = next.done === true;
      return dry ? undefined : next;
    }
    running += 1;
    const noMore = (): void => {
      dry = true;
      running -= 1;
      wake();
    };
    return next.then(
      (step) => {
        if (step.done === true) noMore();
        else handed += 1;
        return step.done === true ? take() : step;
      },
      (error: unknown) => {
        noMore();
        throw error;
      },
    );
  };
  const take = (): IteratorResult<Task> | Promise<IteratorResult<Task>> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      if (mayGoOn(task, { state: state(), blocked, now: clock.monotonic() })) {
        return { done: false, value: task };
      }
    }
    const next = dry || blocked !== undefined ? undefined : fromSource();
    if (next !== undefined) return next;
    if (running === 0) {
      waiting.push(...groups.flush().map((full) => ({ full })));
      if (waiting.length === 0) return DONE;
      wake();
      return take();
    }
    return new Promise<void>((resolve) => idle.push(resolve)).then(take);
  };
  return {
    next: take,
    begin() {
      if (handed > 0) handed -= 1;
      else running += 1;
    },
    end() {
      running -= 1;
      wake();
    },
    mayStart: () => blocked === undefined && state() === 'go',
    ready(riders, at) {
      if (riders.length === 0) return;
      const since = clock.monotonic();
      for (const rider of riders) waiting.push({ rider, at, since });
      wake();
    },
    block(error) {
      blocked ??= error;
    },
    blocked: () => blocked,
  };
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
