import { stepsOf } from '../core/job.ts';
import { stageCountOf, stageJob } from '../core/stage.ts';
import { stageSettings } from '../core/stage-settings.ts';
import { isGroup } from '../core/step.ts';
import type { Input } from '../ports/input.ts';
import type { Attempt, AttemptSpec, Control, ControlState } from './engine.ts';
import { newHold } from './hold.ts';
import { newHttpEnv } from './http-env.ts';
import { type AttemptEnv, failedRow, newItemRun } from './item-run.ts';
import type { Trailer } from './part.ts';
import { newPolls } from './polls.ts';
import { newQuotaGate } from './quota-gate.ts';
import { getPart, type PartBytes, trailerOf } from './read-part.ts';
import { newRecordSource } from './record-source.ts';
import { secretCleaner, withoutSecrets } from './redact.ts';
import type { toRow } from './row-text.ts';
import { newRows, type Rows, type RowsOptions } from './rows.ts';
import { stageInput } from './stage-input.ts';
import { newStepRun } from './step-run.ts';

/** Opens an attempt that runs in this very thread. */
export async function openAttempt(
  given: AttemptEnv,
  spec: AttemptSpec,
  control: Control,
): Promise<Attempt> {
  const { stage } = spec.id;
  const env = stageEnv(given, stage);
  const items: Pick<Input, 'records' | 'indexes' | 'stalled'> =
    stage === 0 ? env.input : stageInput(env.objects, spec.id);
  const saved = spec.saved === undefined ? undefined : await savedRows(env, spec.saved);
  const feeds = stage + 1 < stageCountOf(given.job);
  const rows = withoutSecrets(newAttemptRows(env, spec, { saved, feeds }), env.secrets);
  const source = newRecordSource(items, spec.range, rows.cursor);
  const hold = newHold();
  const gate = newQuotaGate(env, hold);
  const http = newHttpEnv(env, spec.id, gate?.env);
  const clean = secretCleaner(env.secrets);
  const steps = stepsOf(env.job);
  const flows = steps.length > 1 || steps.some(isGroup);
  const saving = newSaving(control);
  const polls = newPolls({
    clock: env.clock,
    concurrency: env.settings.concurrency,
    saved: saved?.trailer.polls ?? [],
    has: rows.has,
    ahead: saved?.trailer.ahead !== undefined,
    save: () => saving.save(attempt),
    again: !flows,
  });
  const parts = { rows, source, gate, http, hold, polls };
  const run = flows ? newStepRun(env, spec, parts) : newItemRun(env, spec, parts);
  let stillStalled = 0;
  const attempt: Attempt = {
    async work(until) {
      let state: ControlState = 'go';
      const latched = (): ControlState => {
        if (state === 'go') state = saving.failed() ? 'lost' : control.state();
        return state;
      };
      const reason = await run.work(until, latched);
      saving.throwFault();
      const blocked = reason === undefined || clean === undefined ? reason : clean(reason);
      const { cursor } = rows;
      // A batch that ends anyway is not paused first.
      if (blocked !== undefined && !ending(latched())) return { cursor, state: 'pause', blocked };
      const waits = cursor < until && state === 'go' ? [hold.deferredTo(), polls.deferredTo()] : [];
      const resumeAt = earliest(waits);
      return resumeAt === undefined ? { cursor, state } : { cursor, state: 'drain', resumeAt };
    },
    async fail(error) {
      const at = source.position;
      const step = await source.pull(at + 1, () => true).next();
      if (step.done) throw new Error(`Nothing to fail at ${at} of ${spec.range.count}.`);
      rows.put(step.value.position, failedRow(env, step.value, error));
    },
    async notRun() {
      stillStalled = await putNotRun(items, spec, rows);
    },
    async write(key) {
      const usage = { ...env.usage(), http: http?.meter.uses() };
      const { body, ...facts } = rows.toPart(usage, polls.open());
      await env.objects.put(key, body);
      const bytes = body.reduce((sum, piece) => sum + piece.length, 0);
      return { bytes, ...facts, ...(stillStalled === 0 ? {} : { stillStalled }) };
    },
    close() {
      source.close();
      run.close?.();
    },
  };
  return attempt;
}

/** All that has no row was not run. Returns how many of them had stalled in an earlier round. */
async function putNotRun(
  input: Pick<Input, 'indexes' | 'stalled'>,
  { range }: AttemptSpec,
  rows: Pick<Rows, 'cursor' | 'has' | 'put'>,
): Promise<number> {
  if (rows.cursor === range.count) return 0;
  const indexes = await input.indexes?.(range);
  const stalled = new Set(await input.stalled?.(range));
  let stillStalled = 0;
  for (let at = rows.cursor; at < range.count; at += 1) {
    if (rows.has(at)) continue;
    const index = indexes?.[at] ?? range.first + at;
    rows.put(at, notRunRow(index));
    if (stalled.has(index)) stillStalled += 1;
  }
  return stillStalled;
}

/** Saves that items ask for. One that fails is no fault of theirs: the attempt ends, and the chunk comes back. */
function newSaving(control: Control) {
  let lost = false;
  let fault: { error: unknown } | undefined;
  return {
    async save(attempt: Attempt): Promise<boolean> {
      try {
        const saved = (await control.save?.(attempt)) ?? false;
        lost ||= !saved;
        return saved;
      } catch (error) {
        fault = { error };
        return false;
      }
    },
    failed: () => lost || fault !== undefined,
    throwFault(): void {
      if (fault !== undefined) throw fault.error;
    },
  };
}

function newAttemptRows(
  { worker, process, clock }: AttemptEnv,
  { range }: AttemptSpec,
  rest: Pick<RowsOptions, 'saved' | 'feeds'>,
): Rows {
  const startedAt = Math.floor(clock.now());
  return newRows({ first: range.first, worker, process, startedAt, ...rest });
}

async function savedRows(
  { objects }: AttemptEnv,
  key: string,
): Promise<{ part: PartBytes; trailer: Trailer }> {
  const part = await getPart(objects, key);
  return { part, trailer: trailerOf(key, part) };
}

const earliest = (times: (number | undefined)[]): number | undefined => {
  const some = times.filter((time) => time !== undefined);
  return some.length === 0 ? undefined : Math.min(...some);
};

/** The job and the settings of one stage. */
const stageEnv = (env: AttemptEnv, stage: number): AttemptEnv => ({
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
