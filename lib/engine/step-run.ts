import { stepsOf } from '../core/job.ts';
import { firstGroups } from '../core/stage-settings.ts';
import { sizedSteps } from '../core/step.ts';
import { newDeadlines } from '../pool/deadlines.ts';
import { newShared } from '../pool/shared.ts';
import type { AttemptSpec } from './engine.ts';
import type { GroupRunner } from './group-call.ts';
import { isPutBack } from './hold.ts';
import { ItemContext, type SharedContext } from './item-context.ts';
import {
  type AttemptEnv,
  type AttemptRun,
  contextOf,
  failedRow,
  sharedOf,
  sinceOf,
} from './item-run.ts';
import { pullOf, type RunParts } from './pull-items.ts';
import type { Taken } from './record-source.ts';
import { toRow } from './row-text.ts';
import { flowThrough, type RowEnd, type StepFlowEnv } from './step-flow.ts';

/** Runs an attempt's rows through several steps, or through groups. */
export function newStepRun(env: AttemptEnv, spec: AttemptSpec, parts: RunParts): AttemptRun {
  const { hold, source } = parts;
  const { first } = spec.range;
  const own = env.shared === undefined ? newShared() : undefined;
  const flow = new StepRows({ env, spec, parts }, groupRunner(env, spec, { own, parts }));
  return {
    async work(until, control) {
      const span = { first, from: first + source.position, until: first + until };
      const pull = pullOf(parts, spec, { until, control });
      const blocked = await flowThrough(flow, { ...span, source: pull, control });
      if (blocked !== undefined) hold.block(`${blocked.code}: ${blocked.message}`);
      return hold.blocked();
    },
    close: () => void own?.close(),
  };
}

interface StepRunOf {
  env: AttemptEnv;
  spec: AttemptSpec;
  parts: RunParts;
}

/** The flow's end of an attempt. A class, as the flow itself is. */
class StepRows implements StepFlowEnv {
  readonly steps: StepFlowEnv['steps'];
  readonly runner: GroupRunner;
  readonly concurrency: number;
  readonly alone: boolean;
  readonly clock: AttemptEnv['clock'];
  readonly #env: AttemptEnv;
  readonly #parts: RunParts;
  readonly #shared: SharedContext;
  readonly #zero: number;
  readonly #zeroWall: number;

  constructor({ env, spec, parts }: StepRunOf, runner: GroupRunner) {
    this.steps = sizedSteps(stepsOf(env.job), env.options);
    this.runner = runner;
    this.concurrency = spec.careful ? 1 : env.settings.concurrency;
    this.alone = spec.careful;
    this.clock = env.clock;
    this.#env = env;
    this.#parts = parts;
    this.#shared = sharedOf(env, spec, parts);
    this.#zero = env.clock.monotonic();
    this.#zeroWall = env.clock.now();
  }

  begin(taken: Taken): ItemContext | undefined {
    const [env, { polls, rows }] = [this.#env, this.#parts];
    if (!polls.admits(taken)) return undefined;
    const unreadable = taken.error ?? env.verdicts?.get(taken.index);
    if (unreadable !== undefined) {
      rows.put(taken.position, failedRow(env, taken, unreadable));
      return undefined;
    }
    env.starting?.(taken.index);
    return contextOf(this.#shared, taken);
  }

  end(taken: Taken, context: ItemContext, { finished, spentMs, endedAt }: RowEnd): void {
    const { polls, rows } = this.#parts;
    if (isPutBack(taken, { context, finished }, this.#parts)) return;
    // A row may wait for its group: what counts is the time that was spent on it.
    const at = Math.max(0, endedAt - this.#zero - spentMs);
    const since = sinceOf(polls.since(taken.position), { zero: this.#zeroWall, at });
    const times = { at, endedAt: endedAt - this.#zero, since };
    const remotes = polls.remotes(taken.position);
    rows.put(taken.position, toRow({ taken, context, finished, times, remotes }));
  }
}

function groupRunner(
  env: AttemptEnv,
  { id, epoch }: AttemptSpec,
  { own, parts }: { own: AttemptEnv['shared']; parts: RunParts },
): GroupRunner {
  const { clock, job, settings, now, options, secrets } = env;
  const held = (env.shared ?? own) as NonNullable<typeof own>;
  const { batch, round } = id;
  const asked = new ItemContext({ job: job.name, now, options, secrets, clock }, 0, '');
  return {
    job,
    settings,
    clock,
    random: env.random,
    deadlines: newDeadlines(clock),
    starting: env.starting?.bind(env),
    quotas: parts.gate?.env,
    http: parts.http,
    lent: {
      batch,
      round,
      epoch,
      anew: id.stage >= firstGroups(settings),
      now,
      options,
      secret: (name) => asked.secret(name),
      shared: held.get,
      sqlite(path) {
        const { sqlite } = env;
        if (sqlite === undefined) {
          throw new Error(
            'There is no SQLite file on AWS Lambda: its disk does not last. Use a database by URL.',
          );
        }
        return held.get(
          `sqlite:${path}`,
          () => sqlite(path),
          (file) => file.close(),
        );
      },
    },
  };
}
