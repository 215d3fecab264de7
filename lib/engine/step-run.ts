import { stepsOf } from '../core/job.ts';
import { firstGroups } from '../core/stage-settings.ts';
import { sizedSteps } from '../core/step.ts';
import { newDeadlines } from '../pool/deadlines.ts';
import { newShared } from '../pool/shared.ts';
import type { AttemptSpec } from './engine.ts';
import type { GroupRunner } from './group-call.ts';
import { isPutBack } from './hold.ts';
import { ItemContext } from './item-context.ts';
import {
  type AttemptEnv,
  type AttemptRun,
  failedRow,
  pullOf,
  type RunParts,
  sharedOf,
  sinceOf,
} from './item-run.ts';
import { toRow } from './row-text.ts';
import { flowThrough, type StepFlowEnv } from './step-flow.ts';

/** Runs an attempt's rows through several steps, or through groups. */
export function newStepRun(env: AttemptEnv, spec: AttemptSpec, parts: RunParts): AttemptRun {
  const { clock, job } = env;
  const { rows, source, hold, polls } = parts;
  const { first } = spec.range;
  const own = env.shared === undefined ? newShared() : undefined;
  const shared = sharedOf(env, spec, parts);
  const zero = clock.monotonic();
  const zeroWall = clock.now();
  const flow: StepFlowEnv = {
    steps: sizedSteps(stepsOf(job), env.options),
    runner: groupRunner(env, spec, { own, parts }),
    concurrency: spec.careful ? 1 : env.settings.concurrency,
    alone: spec.careful,
    clock,
    begin(taken) {
      if (!polls.admits(taken)) return undefined;
      const unreadable = taken.error ?? env.verdicts?.get(taken.index);
      if (unreadable !== undefined) {
        rows.put(taken.position, failedRow(env, taken, unreadable));
        return undefined;
      }
      env.starting?.(taken.index);
      const context = new ItemContext(shared, taken.index, taken.raw);
      context.lent = taken.lent;
      context.place = taken.position;
      context.remotes = taken.remotes;
      return context;
    },
    end(taken, context, { finished, spentMs, endedAt }) {
      if (isPutBack(taken, { context, finished }, parts)) return;
      // A row may wait for its group: what counts is the time that was spent on it.
      const at = Math.max(0, endedAt - zero - spentMs);
      const since = sinceOf(polls.since(taken.position), { zero: zeroWall, at });
      const times = { at, endedAt: endedAt - zero, since };
      const remotes = polls.remotes(taken.position);
      rows.put(taken.position, toRow({ taken, context, finished, times, remotes }));
    },
  };
  return {
    async work(until, state) {
      const span = { first, from: first + source.position, until: first + until };
      const pull = pullOf(parts, spec, { until, state });
      const blocked = await flowThrough(flow, { ...span, source: pull, state });
      if (blocked !== undefined) hold.block(`${blocked.code}: ${blocked.message}`);
      return hold.blocked();
    },
    close: () => void own?.close(),
  };
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
