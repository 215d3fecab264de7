import { stepsOf } from '../core/job.ts';
import { partKey, shuffleKey } from '../core/keys.ts';
import type { Stage } from '../core/stage.ts';
import { isGroup } from '../core/step.ts';
import type { Input } from '../ports/input.ts';
import type { Attempt, AttemptSpec, Control, ControlState, PartSummary } from './engine.ts';
import { newHold } from './hold.ts';
import { newHttpEnv } from './http-env.ts';
import { type AttemptEnv, failedRow, newItemRun } from './item-run.ts';
import { Latch } from './latch.ts';
import type { Trailer } from './part.ts';
import { newPolls } from './polls.ts';
import { newQuotaGate } from './quota-gate.ts';
import { getPart, type PartBytes, trailerOf } from './read-part.ts';
import { newRecordSource, type RecordSource, type Taken } from './record-source.ts';
import { secretCleaner, withoutSecrets } from './redact.ts';
import type { toRow } from './row-text.ts';
import {
  type MakeShuffle,
  newRows,
  type Rows,
  type RowsOptions,
  type WrittenPart,
} from './rows.ts';
import { shuffleOf } from './shuffle.ts';
import { itemsOf, stageEnv } from './stage-env.ts';
import { newStepRun } from './step-run.ts';

/** Opens an attempt that runs in this very thread. */
export async function openAttempt(
  given: AttemptEnv,
  asked: AttemptSpec,
  control: Control,
): Promise<Attempt> {
  const env = stageEnv(given, asked.id.stage);
  const { items, spec } = await itemsOf(env, asked, control);
  const next = given.job.stages?.[asked.id.stage + 1];
  const saved = spec.saved === undefined ? undefined : await savedRows(env, spec.saved);
  const kept = { saved, feeds: next !== undefined };
  const rows = withoutSecrets(newAttemptRows(env, spec, kept), env.secrets);
  const source = newRecordSource(items, spec.range, rows.cursor);
  const [{ count }, from] = [spec.range, source.position];
  const grouped = env.grouped === true;
  const hold = newHold();
  const gate = newQuotaGate(env, hold);
  const http = newHttpEnv(env, spec.id, gate?.env);
  const clean = secretCleaner(env.secrets);
  const steps = stepsOf(env.job);
  const flows = steps.length > 1 || steps.some(isGroup);
  const saving = newSaving(control);
  const storing = newStoring(() => rows.close());
  const polls = newPolls({
    clock: env.clock,
    concurrency: env.settings.concurrency,
    saved: saved?.trailer.polls ?? [],
    has: (at) => rows.has(at),
    ahead: saved?.trailer.ahead !== undefined,
    save: () => saving.save(attempt),
    again: !flows,
  });
  const parts = { rows, source, gate, http, hold, polls };
  const run = flows ? newStepRun(env, spec, parts) : newItemRun(env, spec, parts);
  let stillStalled = 0;
  const attempt: Attempt = {
    async work(until) {
      const latch = new Latch({ control, saving, source, from, grouped });
      const reason = await run.work(Math.min(until, count), latch);
      saving.throwFault();
      const blocked = reason === undefined || clean === undefined ? reason : clean(reason);
      const at = { cursor: rows.cursor, count };
      // A batch that ends anyway is not paused first.
      if (blocked !== undefined && !ending(latch.state()))
        return { ...at, state: 'pause', blocked };
      const { last: state } = latch;
      const waits = at.cursor < Math.min(until, count) && state === 'go';
      const resumeAt = waits ? earliest([hold.deferredTo(), polls.deferredTo()]) : undefined;
      return resumeAt === undefined ? { ...at, state } : { ...at, state: 'drain', resumeAt };
    },
    async fail(error) {
      const taken = await takeOne(source);
      rows.put(taken.position, failedRow(env, taken, error));
    },
    async notRun() {
      stillStalled = await putNotRun(items, { spec, grouped }, rows);
    },
    ended: () => rows.ended(),
    async write(key) {
      storing.open();
      const usage = { ...env.usage(), http: http?.meter.uses() };
      const part = rows.toPart(usage, polls.open(), shuffleFor(key, env, { spec, next }));
      const summary = await storing.add(putPart(key, part, { env, spec }));
      return { ...summary, ...(stillStalled === 0 ? {} : { stillStalled }) };
    },
    close() {
      source.close();
      run.close?.();
      storing.close();
    },
  };
  return attempt;
}

/** Stores a part or a save. What a groupBy reads goes before the part, so that a mark means that both are there. */
async function putPart(
  key: string,
  { body, shuffle, ...facts }: WrittenPart,
  { env: { objects }, spec }: { env: AttemptEnv; spec: AttemptSpec },
): Promise<PartSummary> {
  if (shuffle !== undefined) await objects.put(shuffleKey(spec.id, spec.epoch), shuffle);
  await objects.put(key, body);
  return { bytes: body.reduce((sum, piece) => sum + piece.length, 0), ...facts };
}

/** What a groupBy behind it reads is made of a part, not of a save. */
function shuffleFor(
  key: string,
  { keys }: AttemptEnv,
  { spec: { id, epoch }, next }: { spec: AttemptSpec; next: Stage | undefined },
): MakeShuffle | undefined {
  if (next?.sluice !== 'groupBy/1' || key !== partKey(id, epoch)) return undefined;
  return (outcomes) => shuffleOf(outcomes, next, keys);
}

/** All that has no row was not run. Returns how many of them had stalled in an earlier round. */
async function putNotRun(
  input: Pick<Input, 'indexes' | 'stalled'>,
  { spec: { range }, grouped }: { spec: AttemptSpec; grouped: boolean },
  rows: Pick<Rows, 'cursor' | 'has' | 'put'>,
): Promise<number> {
  if (rows.cursor === range.count) return 0;
  const indexes = await input.indexes?.(range);
  const stalled = new Set(await input.stalled?.(range));
  let stillStalled = 0;
  for (let at = rows.cursor; at < range.count; at += 1) {
    if (rows.has(at)) continue;
    const index = indexes?.[at] ?? range.first + at;
    rows.put(at, notRunRow(grouped ? undefined : index));
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

const ALWAYS = { goes: () => true };

async function takeOne(source: RecordSource): Promise<Taken> {
  const at = source.position;
  const step = await source.pull(at + 1, ALWAYS).next();
  if (step.done) throw new Error(`There is no item to fail at ${at}.`);
  return step.value;
}

/** Puts read what the rows hold: its memory is given back after the last one. */
function newStoring(giveBack: () => void) {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    open(): void {
      if (closed) throw new Error('The attempt is closed: its rows cannot be written any more.');
    },
    add<T>(put: Promise<T>): Promise<T> {
      last = Promise.allSettled([last, put]);
      return put;
    },
    close(): void {
      closed = true;
      void last.then(giveBack);
    },
  };
}

function newAttemptRows(
  { worker, process, clock, grouped }: AttemptEnv,
  { range }: AttemptSpec,
  rest: Pick<RowsOptions, 'saved' | 'feeds'>,
): Rows {
  const startedAt = Math.floor(clock.now());
  const first = grouped === true ? undefined : range.first;
  return newRows({ first, worker, process, startedAt, ...rest });
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

const ending = (state: ControlState): boolean => state === 'cancel' || state === 'lost';

const notRunRow = (index: number | undefined): ReturnType<typeof toRow> => ({
  status: 'notRun',
  outcome: `{${index === undefined ? '' : `"index":${index},`}"key":null,"status":"notRun"}\n`,
  gives: 0,
  error: undefined,
  tries: 0,
  at: 0,
  endedAt: 0,
  extra: undefined,
  log: undefined,
});
