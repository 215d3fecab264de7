import { memoryCheckpointStore } from '../../lib/adapters/memory/checkpoint-store.ts';
import { type MemoryClock, memoryClock } from '../../lib/adapters/memory/clock.ts';
import { memoryHost } from '../../lib/adapters/memory/host.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { memoryWorkQueue } from '../../lib/adapters/memory/work-queue.ts';
import type { Job, Limits } from '../../lib/core/job.ts';
import { LIVE } from '../../lib/core/keys.ts';
import { settingsOf, windowOf } from '../../lib/core/options.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import { hasEnded } from '../../lib/core/transitions.ts';
import { openAttempt } from '../../lib/engine/attempt.ts';
import { type Batch, readBatch } from '../../lib/engine/batch.ts';
import type { Engine } from '../../lib/engine/engine.ts';
import { finalise } from '../../lib/engine/finalise.ts';
import type { HttpHost } from '../../lib/engine/http-env.ts';
import { items } from '../../lib/engine/items.ts';
import { planChunks } from '../../lib/engine/plan-chunks.ts';
import { newQuotaLeases } from '../../lib/engine/quota-leases.ts';
import { ORCHESTRATOR, stageQueue } from '../../lib/engine/send.ts';
import { startBatch } from '../../lib/engine/start-batch.ts';
import { sweepBatch } from '../../lib/engine/sweep.ts';
import { type WorkAnswer, workChunk } from '../../lib/engine/work-chunk.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { type Rows, rowsInput } from './memory-engine.ts';

export interface QuotaWorldOptions {
  job: Job;
  rows: Rows;
  limits?: Limits;
  options?: Record<string, unknown>;
  secrets?: Record<string, string>;
  /** How one process of a job with `http` calls. */
  http?: (clock: Clock) => HttpHost;
  /** Where parts are kept; in memory by default. */
  objects?: Engine['objects'];
  /** Told after each second. */
  onSecond?: () => Promise<void> | void;
  /** Processes, each with a clock and a quota service of its own. */
  processes: number;
  /** Clocks are off by this at most, ms. */
  skewMs?: number;
  /** A function's budget, after which it hands the rest back, ms. */
  budgetMs?: number;
}

const ID = 'quota-batch';
/** Nobody dies here, and nobody renews. */
const LEASE_MS = 86_400_000;
const SWEEP_MS = 60_000;

/** The real engine in virtual time: several processes on one store and one queue. */
export function quotaWorld(options: QuotaWorldOptions) {
  const { job, rows, limits, processes, skewMs = 0, budgetMs = Number.POSITIVE_INFINITY } = options;
  const settings = settingsOf(job, limits);
  const clock = memoryClock();
  const store = memoryCheckpointStore();
  const objects = options.objects ?? memoryObjectStore();
  const queue = memoryWorkQueue(clock);
  const log = memoryLogger();
  const input = rowsInput(rows, settings.chunk);
  const random = seededRandom('quota world');
  const answers: WorkAnswer[] = [];
  let changes = 0;
  let busyMs = 0;
  const counting: Engine['store'] = {
    ...store,
    change(key, change) {
      changes += 1;
      return store.change(key, change);
    },
  };

  const newEngine = (at: number): Engine => {
    const own = skewed(clock, skewMs === 0 ? 0 : (at % 2 === 0 ? 1 : -1) * skewMs);
    const host = memoryHost({ id: `p${at}` });
    const quotas = newQuotaLeases({ store: counting, clock: own, log, random });
    const http = options.http?.(own);
    let began = clock.monotonic();
    const engine: Engine = {
      ...{ clock: own, host, store: counting, objects, queue, log },
      jobDigest: 'digest',
      window: windowOf(settings),
      leases: {
        until: (now) => now + LEASE_MS,
        hold: () => ({ lost: () => false, drop: () => undefined }),
      },
      inputOf: async () => input,
      remainingMs: () => Number.POSITIVE_INFINITY,
      draining: () => clock.monotonic() - began > budgetMs,
      skewMs,
      openAttempt: (spec, control) => {
        began = clock.monotonic();
        const env = {
          ...{ clock: own, random, usage: host.usage, objects, input, job, settings, quotas },
          ...{
            options: options.options ?? {},
            secrets: options.secrets ?? {},
            ...(http === undefined ? {} : { http }),
            now: 1_700_000_000_000,
            worker: host.id,
            process: host.id,
          },
        };
        return openAttempt(env, spec, control);
      },
    };
    return engine;
  };
  const engines = Array.from({ length: processes }, (_, at) => newEngine(at));
  const [first] = engines as [Engine];
  const batch = async () => (await readBatch(store, ID)) as Batch;
  let closed = false;
  /** A closed queue answers at once: without an end, whoever asks a paused batch's would ask for ever. */
  const ended = async (): Promise<boolean> =>
    closed || hasEnded((await readBatch(store, ID))?.status);

  const consume = async (engine: Engine, name: string): Promise<void> => {
    while (!(await ended())) {
      const [delivery] = await queue.receive(name, {
        max: 1,
        waitMs: 5_000,
        visibilityMs: 3_600_000,
      });
      if (delivery === undefined) continue;
      const { message, receipt } = delivery;
      if (message.step === 'plan') await planChunks(engine, await batch());
      else if (message.step === 'finalise') await finalise(engine, message);
      else {
        const id = { batch: ID, round: 0, stage: 0, chunk: message.chunk ?? 0 };
        const from = clock.monotonic();
        answers.push(await workChunk(engine, id));
        busyMs += clock.monotonic() - from;
      }
      await queue.ack(name, receipt);
    }
  };
  const sweep = async (): Promise<void> => {
    while (!(await ended())) {
      await clock.sleep(SWEEP_MS);
      if (!(await ended())) await sweepBatch(first, await batch(), { graceMs: 30_000 });
    }
  };

  return {
    clock,
    log,
    store,
    queue,
    engines,
    answers,
    batch,
    /** Milliseconds that workers spent on chunks: what a function would be paid for. */
    get busyMs() {
      return busyMs;
    },
    /** Conditional changes so far, refused ones too. */
    get changes() {
      return changes;
    },
    /** Runs until the batch has ended, in virtual time; `forMs` at most. */
    async run(forMs: number): Promise<void> {
      await startBatch(first, {
        ...{ id: ID, job: job.name, jobRef: job.name, inputName: 'rows', sources: [] },
        ...{ readerOptions: {}, settings, options: options.options ?? {}, now: 1_700_000_000_000 },
      });
      const all = [
        consume(first, ORCHESTRATOR),
        ...engines.map((engine) => consume(engine, stageQueue(0))),
        sweep(),
      ];
      let over = false;
      const done = Promise.all(all).then(() => {
        over = true;
      });
      const end = clock.monotonic() + forMs;
      while (!over && clock.monotonic() < end) {
        await clock.advance(1_000);
        await options.onSecond?.();
      }
      if (over) await done;
      closed = true;
      queue.close();
    },
    async statuses(): Promise<Record<string, number>> {
      const counts: Record<string, number> = {};
      for await (const { outcome } of items({ store, objects }, await batch(), {})) {
        counts[outcome.status] = (counts[outcome.status] ?? 0) + 1;
      }
      return counts;
    },
    async outcomes() {
      const rows = [];
      for await (const row of items({ store, objects }, await batch(), {})) rows.push(row);
      return rows;
    },
    list: () => store.query(LIVE, '', '\uffff'),
  };
}

/** A clock that is off; time passes as on the true one. */
const skewed = (clock: MemoryClock, ms: number): Clock => ({
  ...clock,
  now: () => clock.now() + ms,
});
