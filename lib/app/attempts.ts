import { openSqlite } from '../adapters/local/sqlite.ts';
import type { Job } from '../core/job.ts';
import { openAttempt } from '../engine/attempt.ts';
import type { Batch } from '../engine/batch.ts';
import type { Attempt, AttemptSpec, Engine } from '../engine/engine.ts';
import { newQuotaLeases } from '../engine/quota-leases.ts';
import { newShared } from '../pool/shared.ts';
import type { Input } from '../ports/input.ts';
import type { Home } from './home.ts';
import type { JobFile } from './job-file.ts';
import { localHttp } from './local-http.ts';
import { localSecrets } from './local-secrets.ts';
import { compileLate } from './own-process.ts';
import { newSeating, type SeatingOptions } from './seating.ts';
import { type StageSeats, stageSeats, threadsOf } from './stage-seats.ts';
import { openThreadAttempt } from './thread-attempt.ts';
import { newThreadPool } from './thread-pool.ts';
import { newUnderway, type Underway } from './underway.ts';

/** Where attempts run, and what the progress display shows of it. */
export interface Attempts {
  open: Engine['openAttempt'];
  /** Attempts under way, and how many may be: of all stages together. */
  readonly busy: number;
  readonly slots: number;
  /** The same by stage; threads are shared by all stages that are CPU-bound. */
  byStage(): { busy: number; slots: number }[];
  /** The most that the slots of each stage can become. */
  readonly maxSlots: readonly number[];
  /** Worker threads that were started. */
  readonly threads: number;
  /** Asks whether threads pay, where an attempt waits for that; to be called now and then. */
  ask(): Promise<void>;
  /** A batch's state with what ended in chunks that are not committed. */
  seen: Underway['seen'];
  /** Nothing is left to work: threads that nobody uses are ended. */
  rest(): void;
  close(): Promise<void>;
}

export interface AttemptsOptions extends Pick<SeatingOptions, 'parallel' | 'remainingMs'> {
  home: Home;
  job: Job;
  jobFile: JobFile;
  batch: Batch;
  inputOf(batch: Batch): Promise<Input>;
}

/** Attempts of one batch in this process: on the main thread, in worker threads, or first one, then the other. */
export function newAttempts(options: AttemptsOptions): Attempts {
  const { job, batch, parallel, remainingMs } = options;
  const stages = stageSeats(job, batch);
  const isCpu = stages.some(({ cpu }) => cpu);
  if (isCpu) compileLate();
  const threadsAllowed = isCpu && parallel !== 'off';
  const { home, jobFile } = options;
  const quotas = newQuotaLeases({ ...home, random: home.host.random });
  const heaps = { grow: stages.length > 1, hold: stages.every(({ cpu }) => cpu) };
  const pool = newThreadPool({ home, jobFile, quotas, ...heaps }, threadsOf(stages));
  const seating = newSeating(stages, { pool, parallel, remainingMs });
  const own = { shared: newShared(), http: localHttp(), quotas };
  const underway = newUnderway();
  const byStage = () =>
    stages.map(({ cpu, inlineSlots, threadSlots, busy }) => {
      const slots = cpu && seating.threaded ? threadSlots : inlineSlots;
      return { busy: Math.min(busy, slots), slots };
    });

  return {
    async open(spec, control) {
      const alone = spec.alone !== undefined;
      const stage = stages[spec.id.stage] as StageSeats;
      const seat = await (alone ? seating.takeAll(stage) : seating.take(stage));
      stage.busy += 1;
      const threadSeat = seat.threaded ? pool.newSeat() : undefined;
      const done = once(() => {
        stage.busy -= 1;
        threadSeat?.release();
        seat.release();
      });
      try {
        const { objects } = options.home;
        const opened = threadSeat
          ? openThreadAttempt(threadSeat, { spec, batch, control, objects })
          : await openAttempt({ ...(await inlineEnv(options)), ...own }, spec, control);
        return underway.watch(freeingSlot(opened, spec, done), spec);
      } catch (error) {
        done();
        throw error;
      }
    },
    get busy() {
      return byStage().reduce((sum, { busy }) => sum + busy, 0);
    },
    get slots() {
      return byStage().reduce((sum, { slots }) => sum + slots, 0);
    },
    byStage,
    maxSlots: stages.map(({ cpu, inlineSlots, threadSlots }) =>
      cpu && threadsAllowed ? Math.max(threadSlots, inlineSlots) : inlineSlots,
    ),
    get threads() {
      return pool.started;
    },
    ask: seating.ask,
    seen: underway.seen,
    rest: pool.rest,
    async close() {
      await Promise.all([pool.close(), own.shared.close(), own.http.close()]);
    },
  };
}

async function inlineEnv({
  home,
  job,
  batch,
  inputOf,
}: AttemptsOptions): Promise<Parameters<typeof openAttempt>[0]> {
  return {
    clock: home.clock,
    random: home.host.random,
    usage: home.host.usage,
    objects: home.objects,
    input: await inputOf(batch),
    job,
    settings: batch.settings,
    options: batch.options,
    secrets: localSecrets(job, process.env),
    filter: batch.filter,
    now: batch.now,
    worker: `${home.host.id}#main`,
    process: home.host.id,
    sqlite: openSqlite,
  };
}

/**
 * The slot is for working items: while a part is written, the next chunk may use it. An attempt that is
 * alone keeps all slots until it is written, since its last item stays named until then.
 */
const freeingSlot = (attempt: Attempt, spec: AttemptSpec, done: () => void): Attempt => ({
  ...attempt,
  async work(until) {
    const worked = await attempt.work(until);
    const through = worked.cursor >= worked.count || worked.state !== 'go';
    if (through && spec.alone === undefined) done();
    return worked;
  },
  close() {
    attempt.close();
    done();
  },
});

function once(action: () => void): () => void {
  let did = false;
  return () => {
    if (did) return;
    did = true;
    action();
  };
}
