import { SluiceError } from '../../core/errors.ts';
import { hasEnded } from '../../core/transitions.ts';
import { newSemaphore } from '../../pool/semaphore.ts';
import type { Home } from '../home.ts';
import { placeOfHome, requireBatch } from '../place.ts';
import { runnerOf } from '../runner.ts';
import { pauseBatch, stopBatchOf } from '../stop.ts';
import { startChild } from './children.ts';
import { HttpError, statusOf } from './http-error.ts';
import { noFields, resumeOf, retryOf, submitOf } from './request-fields.ts';
import type { Supervisor } from './supervisor.ts';
import type { ChildAnswer, ChildAsk } from './wire.ts';

type Body = Record<string, unknown>;

export interface Actions {
  /** Answers the id of the new batch; throws 409 with that of the one that is there, 429 when all places are taken. */
  submit(body: Body): Promise<{ batch: string }>;
  pause(id: string, body: Body): Promise<void>;
  resume(id: string, body: Body): Promise<void>;
  cancel(id: string, body: Body): Promise<void>;
  retry(id: string, body: Body): Promise<{ round: number; items: number }>;
  /** Ends the processes that make batches. */
  close(): void;
}

export interface ActionsOptions {
  home: Home;
  supervisor: Supervisor;
  limits: { running: number; waiting: number };
}

/** Batches that are being made at once, each by a process of its own, and requests that wait for that. */
const MAKERS = 2;
const MAX_MAKING = 16;
/** Reading a manifest's files takes seconds; job code that never ends would hold its place for ever. */
const MAKE_MS = 120_000;
/** Nobody knows when a batch ends: often enough to take the next place soon, seldom enough to cost nothing. */
const RETRY_AFTER_S = 5;

export function newActions(options: ActionsOptions): Actions {
  const { home, supervisor } = options;
  const place = placeOfHome(home);
  const maker = newMaker(home);
  const full = (): HttpError => fullError(options.limits);
  /** A place for a batch, given back when `action` fails. */
  const inPlace = async <T>(action: () => Promise<T>): Promise<T> => {
    const giveBack = supervisor.reserve();
    if (giveBack === undefined) throw full();
    try {
      return await action();
    } finally {
      giveBack();
    }
  };
  return {
    async submit(body) {
      const { request, how } = submitOf(body);
      const giveBack = supervisor.reserve();
      try {
        const ask = { op: 'begin', home: home.folder, request, full: giveBack === undefined };
        const answer = await maker.ask(ask as ChildAsk);
        if (answer.did === 'there') throw thereAlready(answer);
        if (answer.did !== 'new') throw full();
        // Two requests for one batch at the same moment: both may have been told that it is new.
        if (!(await supervisor.enqueue(answer.batch, how))) throw thereAlready(answer);
        return { batch: answer.batch };
      } finally {
        giveBack?.();
      }
    },
    async pause(id, body) {
      noFields(body);
      await pauseBatch(home, id);
      await supervisor.withdraw(id);
    },
    async resume(id, body) {
      const how = resumeOf(body);
      const batch = await requireBatch(place, id);
      if (hasEnded(batch.status)) {
        throw new SluiceError('STATE', `Batch ${id} has ended already (${batch.status}).`, {
          hint: 'What failed is run once more by POST .../retry.',
        });
      }
      if (supervisor.waiting.includes(id)) return;
      if (supervisor.running.includes(id)) {
        if (batch.stop === 'pause') supervisor.again(id, how);
        return;
      }
      const { alive } = await runnerOf(place, id);
      if (alive && batch.stop !== 'pause') return;
      await inPlace(() => supervisor.enqueue(id, how));
    },
    async cancel(id, body) {
      noFields(body);
      await stopBatchOf(home, id, 'cancel');
      if (supervisor.running.includes(id)) return;
      await supervisor.withdraw(id);
      // Somebody must bring it to its end, and write the report.
      if (!(await runnerOf(place, id)).alive) await supervisor.enqueue(id, {}, { atOnce: true });
    },
    async retry(id, body) {
      const { request, how } = retryOf(body, id);
      await requireBatch(place, id);
      return inPlace(async () => {
        const answer = await maker.ask({ op: 'retry', home: home.folder, request });
        if (answer.did !== 'round') throw new Error(`A retry answered ${answer.did}.`);
        await supervisor.enqueue(id, how);
        return { round: answer.round, items: answer.items };
      });
    },
    close: maker.close,
  };
}

interface Maker {
  /** Throws what the child says is wrong, 429 when too many wait, 504 when it takes too long. */
  ask(ask: ChildAsk): Promise<ChildAnswer>;
  close(): void;
}

function newMaker(home: Home): Maker {
  const makers = newSemaphore(MAKERS);
  const active = new Set<ReturnType<typeof startChild>>();
  let making = 0;
  const work = async (ask: ChildAsk): Promise<ChildAnswer> => {
    const giveBack = await makers.acquire();
    const child = startChild(ask);
    active.add(child);
    let late = false;
    const cancel = home.clock.after(MAKE_MS, () => {
      late = true;
      child.kill();
    });
    try {
      return await child.answer;
    } catch (error) {
      const hint = 'Its job file may end the process, or never come back, while it loads.';
      const message = late
        ? `No batch was made in ${MAKE_MS / 1000} s.`
        : `No batch was made: ${(error as Error).message}.`;
      throw new HttpError(late ? 504 : 400, { code: 'BAD_JOB', message, hint });
    } finally {
      cancel();
      active.delete(child);
      giveBack();
    }
  };
  return {
    async ask(ask) {
      if (making >= MAX_MAKING) {
        throw new HttpError(
          429,
          { code: 'STATE', message: `${making} requests for batches are under way already.` },
          { 'retry-after': String(RETRY_AFTER_S) },
        );
      }
      making += 1;
      try {
        const answer = await work(ask);
        if (answer.did !== 'fault') return answer;
        const { fault } = answer;
        // A job or a file of a new batch that is not there is a fault of the body, not of the URL.
        const status =
          ask.op === 'begin' && fault.code === 'NOT_FOUND' ? 400 : statusOf(fault.code);
        throw new HttpError(status, fault);
      } finally {
        making -= 1;
      }
    },
    close() {
      for (const child of active) child.kill();
    },
  };
}

function thereAlready({
  batch,
  status,
}: Extract<ChildAnswer, { batch: string; status: string }>): HttpError {
  const message = `The same input, job and options are batch ${batch} (${status}).`;
  const hint = hasEnded(status)
    ? 'Its report is there; "again": true makes another batch.'
    : 'See how it stands there; "again": true makes another batch.';
  const headers = { location: `/api/batches/${encodeURIComponent(batch)}` };
  return new HttpError(409, { code: 'STATE', message, hint, batch }, headers);
}

const fullError = ({ running, waiting }: ActionsOptions['limits']): HttpError =>
  new HttpError(
    429,
    {
      code: 'STATE',
      message: `${running} batches run and ${waiting} wait at most: all places are taken.`,
      hint: 'Try again later, or start the server with a larger --running or --waiting.',
    },
    { 'retry-after': String(RETRY_AFTER_S) },
  );
