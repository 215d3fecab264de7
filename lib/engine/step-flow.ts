import type { ItemError, UnavailableError } from '../core/errors.ts';
import { type EachStep, isGroup, type Step } from '../core/step.ts';
import { runBounded } from '../pool/run-bounded.ts';
import type { GroupRunner } from './group-call.ts';
import { type Full, type Groups, newGroups } from './groups.ts';
import type { ItemContext } from './item-context.ts';
import type { Ended } from './item-end.ts';
import type { Taken } from './record-source.ts';
import { givenJson } from './row-text.ts';
import { type GroupEnd, runGroup } from './run-group.ts';
import { type Finished, type ItemRunner, runItem, runStep } from './run-item.ts';
import { type FlowSpan, newTasks, type Rider, type Task, type Tasks } from './step-tasks.ts';

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
  const groups = newGroups<Rider>(env.steps, span, env.alone);
  const queue = newTasks(env.clock, span, groups);
  const { work } = newWorker(env, { span, groups, queue });
  await runBounded(queue, env.concurrency, (task) => {
    queue.begin();
    const pending = work(task);
    if (pending === undefined) return queue.end();
    return pending.finally(queue.end);
  });
  return queue.blocked();
}

type Pending = void | Promise<void>;

interface Parts {
  span: FlowSpan;
  groups: Groups<Rider>;
  queue: Tasks;
}

function newWorker(
  env: StepFlowEnv,
  { span, groups, queue }: Parts,
): { work(task: Task): Pending } {
  const { steps, runner, clock } = env;
  const [first] = steps as [Step];
  const runners = steps.map((step) => ({ ...runner, process: isGroup(step) ? asItIs : step }));
  const head = runners[0] as ItemRunner;
  const { call, callAll } = newCalls(env, {
    groups,
    queue,
    enter: (rider, at) => enter(rider, at),
  });
  let yieldedAt = clock.monotonic();

  /** A row that ended step `at`: on to the next one. */
  const ranStep = (rider: Rider, at: number, end: Ended): Pending => {
    const ended = at + 1 < steps.length ? singleValue(end) : end;
    if (ended.status === 'ok' && at + 1 < steps.length) {
      rider.value = ended.value;
      return enter(rider, at + 1);
    }
    endRow(env, rider, { ended, endedAt: clock.monotonic() });
    return callAll(groups.leave(at + 1, rider.ordinal));
  };
  const enter = (rider: Rider, at: number): Pending => {
    const step = steps[at] as Step;
    if (isGroup(step)) {
      const full = groups.arrive(at, rider);
      return full === undefined ? undefined : call(full);
    }
    rider.context.enterStep(at);
    let startedAt: number | undefined;
    const done = ({ ended }: Finished): Pending => {
      if (startedAt !== undefined) rider.spentMs += clock.monotonic() - startedAt;
      return ranStep(rider, at, ended);
    };
    const { value: row, context } = rider;
    const pending = runStep(runners[at] as ItemRunner, { row, context, done });
    if (pending instanceof Promise) startedAt = clock.monotonic();
    return pending;
  };
  const start = (taken: Taken): Pending => {
    const ordinal = span.first + taken.position;
    const context = env.begin(taken);
    if (context === undefined) return callAll(groups.leave(0, ordinal));
    const startedAt = clock.monotonic();
    const done = ({ key, ended }: Finished): Pending => {
      const spentMs = clock.monotonic() - startedAt;
      const rider: Rider = { taken, context, key, ordinal, value: undefined, spentMs };
      // Before a group nothing of the job ran but its schema and its key.
      return ranStep(rider, isGroup(first) ? -1 : 0, ended);
    };
    const pending = runItem(head, { row: taken.row, context, done });
    if (pending !== undefined || startedAt - yieldedAt < YIELD_MS) return pending;
    yieldedAt = startedAt;
    return clock.yield();
  };
  return {
    work(task) {
      if ('position' in task) return start(task);
      return 'full' in task ? call(task.full) : enter(task.rider, task.at);
    },
  };
}

const endRow = (
  env: StepFlowEnv,
  { taken, context, key, spentMs }: Rider,
  { ended, endedAt }: { ended: Ended; endedAt: number },
): void => env.end(taken, context, { finished: { key, ended }, spentMs, endedAt });

interface Calls {
  call(full: Full<Rider>): Pending;
  /** One after the other: they all belong to the slot that completed them. */
  callAll(fulls: readonly Full<Rider>[]): Pending;
}

type CallParts = Omit<Parts, 'span'> & { enter(rider: Rider, at: number): Pending };

/** The calls of groups, and what becomes of their rows. */
function newCalls(env: StepFlowEnv, { groups, queue, enter }: CallParts): Calls {
  const { steps, runner, clock } = env;
  const call = (full: Full<Rider>): Pending => {
    if (queue.blocked() !== undefined) return undefined;
    for (const { context } of full.rows) context.enterStep(full.at);
    const startedAt = clock.monotonic();
    const answer = runGroup(runner, full.step, full.rows);
    if (!(answer instanceof Promise)) return through(full, answer, startedAt);
    return answer.then((late) => through(full, late, startedAt));
  };
  const callAll = (fulls: readonly Full<Rider>[]): Pending => {
    // Of every row that ends, and nearly always empty.
    if (fulls.length === 0) return undefined;
    const [next, ...rest] = fulls as [Full<Rider>, ...Full<Rider>[]];
    const pending = call(next);
    return pending === undefined ? callAll(rest) : pending.then(() => callAll(rest));
  };
  const through = ({ at, rows }: Full<Rider>, answer: GroupEnd, startedAt: number): Pending => {
    if ('unavailable' in answer) return queue.block(answer.unavailable);
    const endedAt = clock.monotonic();
    const shareMs = (endedAt - startedAt) / rows.length;
    const on: Rider[] = [];
    const complete: Full<Rider>[] = [];
    for (let place = 0; place < rows.length; place += 1) {
      const rider = rows[place] as Rider;
      const end = answer.ended[place] as Ended;
      const ended = at + 1 < steps.length ? singleValue(end) : end;
      rider.spentMs += shareMs;
      if (ended.status === 'ok' && at + 1 < steps.length) {
        rider.value = ended.value;
        on.push(rider);
      } else {
        endRow(env, rider, { ended, endedAt });
        if (at + 1 < steps.length) complete.push(...groups.leave(at + 1, rider.ordinal));
      }
    }
    const pending = goOn(on, at + 1, endedAt);
    return pending === undefined ? callAll(complete) : pending.then(() => callAll(complete));
  };
  /** The next step of each row, here as long as it answers at once; the rest is for whichever slot is free. */
  const goOn = (riders: readonly Rider[], at: number, from: number): Pending => {
    for (let done = 0; done < riders.length; done += 1) {
      const rider = riders[done] as Rider;
      if (!queue.mayStart()) return queue.ready(riders.slice(done), at);
      const pending = enter(rider, at);
      const late = pending === undefined && clock.monotonic() - from > YIELD_MS;
      if (pending === undefined && !late) continue;
      queue.ready(riders.slice(done + 1), at);
      return pending ?? clock.yield();
    }
    return undefined;
  };
  return { call, callAll };
}
