import { stepsOf } from '../core/job.ts';
import { stageCountOf, stageJob } from '../core/stage.ts';
import { stageSettings } from '../core/stage-settings.ts';
import { isGroup } from '../core/step.ts';
import type { Input } from '../ports/input.ts';
import type { Attempt, AttemptSpec, Control, ControlState } from './engine.ts';
import { type AttemptEnv, failedRow, newItemRun, type OpenedEnv } from './item-run.ts';
import { newQuotaGate } from './quota-gate.ts';
import { getPart, trailerOf } from './read-part.ts';
import { newRecordSource } from './record-source.ts';
import { withoutSecrets } from './redact.ts';
import type { toRow } from './row-text.ts';
import { newRows } from './rows.ts';
import { stageInput } from './stage-input.ts';
import { newStepRun } from './step-run.ts';

/** Opens an attempt that runs in this very thread. */
export async function openAttempt(
  { input, ...given }: AttemptEnv,
  spec: AttemptSpec,
  control: Control,
): Promise<Attempt> {
  const { stage } = spec.id;
  const env = stageEnv(given, stage);
  const items: Pick<Input, 'records' | 'indexes'> =
    stage === 0 ? input : stageInput(env.objects, spec.id);
  const saved = spec.saved === undefined ? undefined : await getPart(env.objects, spec.saved);
  const written = newRows({
    first: spec.range.first,
    worker: env.worker,
    process: env.process,
    startedAt: Math.floor(env.clock.now()),
    feeds: stage + 1 < stageCountOf(given.job),
    saved: saved && { part: saved, trailer: trailerOf(spec.saved as string, saved) },
  });
  const rows = withoutSecrets(written, env.secrets);
  const source = newRecordSource(items, spec.range, rows.cursor);
  const gate = newQuotaGate(env);
  const steps = stepsOf(env.job);
  const run =
    steps.length > 1 || steps.some(isGroup)
      ? newStepRun(env, spec, { rows, source, gate })
      : newItemRun(env, spec, { rows, source, gate });
  return {
    async work(until) {
      let state: ControlState = 'go';
      const latched = (): ControlState => {
        if (state === 'go') state = control.state();
        return state;
      };
      const blocked = await run.work(until, latched);
      const { cursor } = rows;
      // A batch that ends anyway is not paused first.
      if (blocked !== undefined && !ending(latched())) return { cursor, state: 'pause', blocked };
      const resumeAt = cursor < until && state === 'go' ? gate?.deferredTo() : undefined;
      return resumeAt === undefined ? { cursor, state } : { cursor, state: 'drain', resumeAt };
    },
    async fail(error) {
      const step = await source.pull(rows.cursor + 1, () => true).next();
      if (step.done) throw new Error(`Nothing to fail at ${rows.cursor} of ${spec.range.count}.`);
      rows.put(step.value.position, failedRow(env, step.value, error));
    },
    async notRun() {
      const { first, count } = spec.range;
      const indexes = rows.cursor < count ? await items.indexes?.(spec.range) : undefined;
      for (let at = rows.cursor; at < count; at += 1) {
        if (!rows.has(at)) rows.put(at, notRunRow(indexes?.[at] ?? first + at));
      }
    },
    async write(key) {
      const { body, counts, codes } = rows.toPart(env.usage());
      await env.objects.put(key, body);
      return { bytes: body.reduce((sum, piece) => sum + piece.length, 0), counts, codes };
    },
    close() {
      source.close();
      run.close?.();
    },
  };
}

/** The job and the settings of one stage. */
const stageEnv = (env: OpenedEnv, stage: number): OpenedEnv => ({
  ...env,
  job: stageJob(env.job, stage),
  settings: stageSettings(env.settings, stage),
});

const ending = (state: ControlState): boolean => state === 'cancel' || state === 'lost';

const notRunRow = (index: number): ReturnType<typeof toRow> => ({
  status: 'notRun',
  outcome: `{"index":${index},"key":null,"status":"notRun"}\n`,
  gives: 0,
  error: undefined,
  tries: 0,
  at: 0,
  endedAt: 0,
  extra: undefined,
  log: undefined,
});
