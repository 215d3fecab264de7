import { stepsOf } from '../core/job.ts';
import { newShared } from '../pool/shared.ts';
import type { AttemptSpec } from './engine.ts';
import type { GroupRunner } from './group-call.ts';
import { ItemContext, type SharedContext } from './item-context.ts';
import {
  type AttemptRun,
  failedRow,
  isPutBack,
  type OpenedEnv,
  type RunParts,
} from './item-run.ts';
import type { QuotaGate } from './quota-gate.ts';
import { secretCleaner } from './redact.ts';
import { toRow } from './row-text.ts';
import { flowThrough, type StepFlowEnv } from './step-flow.ts';

/** Runs an attempt's rows through several steps, or through groups. */
export function newStepRun(
  env: OpenedEnv,
  spec: AttemptSpec,
  { rows, source, gate }: RunParts,
): AttemptRun {
  const { clock, job, now, options, secrets } = env;
  const { first } = spec.range;
  const own = env.shared === undefined ? newShared() : undefined;
  const quotas = gate?.env;
  const shared: SharedContext = { job: job.name, now, options, secrets, clock, quotas };
  const zero = clock.monotonic();
  const flow: StepFlowEnv = {
    steps: stepsOf(job),
    runner: groupRunner(env, spec, { own, gate }),
    concurrency: spec.careful ? 1 : env.settings.concurrency,
    alone: spec.careful,
    clock,
    begin(taken) {
      const unreadable = taken.error ?? env.verdicts?.get(taken.index);
      if (unreadable !== undefined) {
        rows.put(taken.position, failedRow(env, taken, unreadable));
        return undefined;
      }
      env.starting?.(taken.index);
      const context = new ItemContext(shared, taken.index, taken.raw);
      context.lent = taken.lent;
      return context;
    },
    end(taken, context, { finished, spentMs, endedAt }) {
      if (isPutBack(context, finished, gate)) return;
      // A row may wait for its group: what counts is the time that was spent on it.
      const times = { at: Math.max(0, endedAt - zero - spentMs), endedAt: endedAt - zero };
      rows.put(taken.position, toRow({ taken, context, finished, times }));
    },
  };
  const clean = secretCleaner(secrets);
  return {
    async work(until, state) {
      const pull = source.pull(until, () => state() === 'go');
      const span = { first, from: first + source.position, until: first + until };
      const gated = gate?.pull(pull, state) ?? pull;
      const blocked = await flowThrough(flow, { ...span, source: gated, state });
      if (blocked === undefined) return undefined;
      const reason = `${blocked.code}: ${blocked.message}`;
      return clean === undefined ? reason : clean(reason);
    },
    close: () => void own?.close(),
  };
}

function groupRunner(
  env: OpenedEnv,
  { id, epoch }: AttemptSpec,
  { own, gate }: { own: OpenedEnv['shared']; gate: QuotaGate | undefined },
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
    starting: env.starting?.bind(env),
    quotas: gate?.env,
    lent: {
      batch,
      round,
      epoch,
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
