import type { ItemError, UnavailableError } from '../core/errors.ts';
import { type EachStep, isGroup, type Step } from '../core/step.ts';
import { runWorker, type Works } from '../pool/run-bounded.ts';
import type { GroupRunner } from './group-call.ts';
import { type Full, Groups } from './groups.ts';
import type { ItemContext } from './item-context.ts';
import type { Ended } from './item-end.ts';
import { type ItemRunner, runnerOf } from './item-runner.ts';
import type { Taken } from './record-source.ts';
import { givenJson } from './row-text.ts';
import { type GroupEnd, runGroup } from './run-group.ts';
import { type Finished, runItem, runStep } from './run-item.ts';
import { FirstStep, NextStep, type Pending, type RowFlow } from './step-rows.ts';
import { type FlowSpan, type Rider, type Task, Tasks } from './step-tasks.ts';

/** What the flow needs of the attempt that it runs in. */
export interface StepFlowEnv {
  steps: readonly Step[];
  runner: GroupRunner;
  concurrency: number;
  /** Each row is a group of its own: careful mode must know whom to blame. */
  alone: boolean;
  /** The context of a row that is to be run; undefined when it was recorded without. */
  begin(taken: Taken): ItemContext | undefined;
  /** Records an ended item. */
  end(taken: Taken, context: ItemContext, end: RowEnd): void;
  clock: { monotonic(): number; yield(): Promise<void> };
}

export interface RowEnd {
  finished: Finished;
  /** When it ended, by the clock's monotonic time, and how much of that was spent on it. */
  endedAt: number;
  spentMs: number;
}

/** The event loop gets a turn at least this often. */
const YIELD_MS = 25;

/** A step that is not the last one gives one row to the next: an item has one outcome. */
function singleValue(ended: Ended): Ended {
  if (ended.status !== 'ok') return ended;
  if (ended.json !== undefined) {
    const { parsed, error } = givenJson(ended.json);
    if (error !== undefined) return { status: 'failed', error, thrown: undefined };
    return { status: 'ok', value: parsed };
  }
  if (ended.values === undefined) return ended;
  const message =
    'ok.many(values) is for the last step of a stage: make the step a stage of its own.';
  const error: ItemError = { kind: 'permanent', code: 'BAD_RESULT', message };
  return { status: 'failed', error, thrown: undefined };
}

const asItIs: EachStep = (row) => ({ status: 'ok', value: row });

/**
 * Takes rows through a job's steps with at most `concurrency` calls at once, a group's call counting as
 * one. Whoever brings the last row of a group makes its call. When no more rows come, because the span
 * ends or because of a stop, the groups that are there are called as they are: without that, rows slower
 * than a function's budget would never fill a group, and never get through.
 *
 * Returns why a step is there for no row at all; its rows then have no outcome, and the batch is to pause.
 */
export async function flowThrough(
  env: StepFlowEnv,
  span: FlowSpan,
): Promise<UnavailableError | undefined> {
  const groups = new Groups<Rider>(env.steps, span, env.alone);
  const queue = new Tasks(env.clock, span, groups);
  await runWorker(queue, env.concurrency, new Flow(env, { span, groups, queue }));
  return queue.blocked;
}

interface Parts {
  span: FlowSpan;
  groups: Groups<Rider>;
  queue: Tasks;
}

/**
 * The rows of one attempt. A class, as are those that it hands out by the row: V8 lets go of the optimised code of closures at
 * the first full collection that finds none of them alive, and each attempt's were compiled anew (4.0 of the 12.2 s that V8's
 * threads compiled in a music scan of 100,000 files, 144 times for seven functions).
 */
class Flow implements RowFlow, Works<Task> {
  readonly clock: StepFlowEnv['clock'];
  readonly #env: StepFlowEnv;
  readonly #parts: Parts;
  readonly #runners: ItemRunner[];
  #yieldedAt: number;

  constructor(env: StepFlowEnv, parts: Parts) {
    this.clock = env.clock;
    this.#env = env;
    this.#parts = parts;
    this.#runners = env.steps.map((step) => runnerOf(env.runner, isGroup(step) ? asItIs : step));
    this.#yieldedAt = env.clock.monotonic();
  }

  work(task: Task): Pending {
    const { queue } = this.#parts;
    queue.begin();
    const pending = this.#does(task);
    if (pending === undefined) return queue.end();
    return pending.finally(() => queue.end());
  }

  #does(task: Task): Pending {
    if ('position' in task) return this.#start(task);
    return 'full' in task ? this.#call(task.full) : this.#enter(task.rider, task.at);
  }

  #start(taken: Taken): Pending {
    const { span, groups } = this.#parts;
    const ordinal = span.first + taken.position;
    const context = this.#env.begin(taken);
    if (context === undefined) return this.#callAll(groups.leave(0, ordinal));
    const first = new FirstStep(this, { taken, context, ordinal });
    const pending = runItem(this.#runners[0] as ItemRunner, first);
    if (pending !== undefined || first.startedAt - this.#yieldedAt < YIELD_MS) return pending;
    this.#yieldedAt = first.startedAt;
    return this.clock.yield();
  }

  began(rider: Rider, ended: Ended): Pending {
    // Before a group nothing of the job ran but its schema and its key.
    return this.ranStep(rider, isGroup(this.#env.steps[0] as Step) ? -1 : 0, ended);
  }

  ranStep(rider: Rider, at: number, end: Ended): Pending {
    const more = at + 1 < this.#env.steps.length;
    const ended = more ? singleValue(end) : end;
    if (ended.status === 'ok' && more) {
      rider.value = ended.value;
      return this.#enter(rider, at + 1);
    }
    this.#endRow(rider, ended, this.clock.monotonic());
    return this.#callAll(this.#parts.groups.leave(at + 1, rider.ordinal));
  }

  #enter(rider: Rider, at: number): Pending {
    if (isGroup(this.#env.steps[at] as Step)) {
      const full = this.#parts.groups.arrive(at, rider);
      return full === undefined ? undefined : this.#call(full);
    }
    rider.context.enterStep(at);
    const step = new NextStep(this, rider, at);
    const pending = runStep(this.#runners[at] as ItemRunner, step);
    if (pending instanceof Promise) step.startedAt = this.clock.monotonic();
    return pending;
  }

  #endRow({ taken, context, key, spentMs }: Rider, ended: Ended, endedAt: number): void {
    this.#env.end(taken, context, { finished: { key, ended }, spentMs, endedAt });
  }

  /** The call of a group. */
  #call(full: Full<Rider>): Pending {
    if (this.#parts.queue.blocked !== undefined) return undefined;
    for (const { context } of full.rows) context.enterStep(full.at);
    const startedAt = this.clock.monotonic();
    const answer = runGroup(this.#env.runner, full.step, full.rows);
    if (!(answer instanceof Promise)) return this.#through(full, answer, startedAt);
    return answer.then((late) => this.#through(full, late, startedAt));
  }

  /** One after the other: they all belong to the slot that completed them. */
  #callAll(fulls: readonly Full<Rider>[]): Pending {
    // Of every row that ends, and nearly always empty.
    if (fulls.length === 0) return undefined;
    const [next, ...rest] = fulls as [Full<Rider>, ...Full<Rider>[]];
    const pending = this.#call(next);
    return pending === undefined ? this.#callAll(rest) : pending.then(() => this.#callAll(rest));
  }

  /** What becomes of the rows of a call. */
  #through({ at, rows }: Full<Rider>, answer: GroupEnd, startedAt: number): Pending {
    const { queue, groups } = this.#parts;
    if ('unavailable' in answer) return queue.block(answer.unavailable);
    const endedAt = this.clock.monotonic();
    const shareMs = (endedAt - startedAt) / rows.length;
    const more = at + 1 < this.#env.steps.length;
    const on: Rider[] = [];
    const complete: Full<Rider>[] = [];
    for (let place = 0; place < rows.length; place += 1) {
      const rider = rows[place] as Rider;
      const end = answer.ended[place] as Ended;
      const ended = more ? singleValue(end) : end;
      rider.spentMs += shareMs;
      if (ended.status === 'ok' && more) {
        rider.value = ended.value;
        on.push(rider);
      } else {
        this.#endRow(rider, ended, endedAt);
        if (more) complete.push(...groups.leave(at + 1, rider.ordinal));
      }
    }
    const pending = this.#goOn(on, at + 1, endedAt);
    return pending === undefined
      ? this.#callAll(complete)
      : pending.then(() => this.#callAll(complete));
  }

  /** The next step of each row, here as long as it answers at once; the rest is for whichever slot is free. */
  #goOn(riders: readonly Rider[], at: number, from: number): Pending {
    const { queue } = this.#parts;
    for (let done = 0; done < riders.length; done += 1) {
      const rider = riders[done] as Rider;
      if (!queue.mayStart()) return queue.ready(riders.slice(done), at);
      const pending = this.#enter(rider, at);
      const late = pending === undefined && this.clock.monotonic() - from > YIELD_MS;
      if (pending === undefined && !late) continue;
      queue.ready(riders.slice(done + 1), at);
      return pending ?? this.clock.yield();
    }
    return undefined;
  }
}
