import { createHash } from 'node:crypto';
import { systemClock } from '../../lib/adapters/local/clock.ts';
import { memoryCheckpointStore } from '../../lib/adapters/memory/checkpoint-store.ts';
import { memoryHost } from '../../lib/adapters/memory/host.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { memoryWorkQueue } from '../../lib/adapters/memory/work-queue.ts';
import { inputOfRound } from '../../lib/app/round-of.ts';
import type { Job, Limits } from '../../lib/core/job.ts';
import {
  batchKey,
  jobKey,
  LIVE,
  type ReportFile,
  reportKey,
  roundJobKey,
} from '../../lib/core/keys.ts';
import { settingsOf, windowOf } from '../../lib/core/options.ts';
import type { RecordBlock } from '../../lib/core/records.ts';
import type { Report } from '../../lib/core/report.ts';
import type { RetryFilter } from '../../lib/core/retry.ts';
import { clearStop, hasEnded } from '../../lib/core/transitions.ts';
import { openAttempt } from '../../lib/engine/attempt.ts';
import { type Batch, readBatch } from '../../lib/engine/batch.ts';
import type { Engine } from '../../lib/engine/engine.ts';
import { finalise } from '../../lib/engine/finalise.ts';
import type { AttemptEnv } from '../../lib/engine/item-run.ts';
import { items } from '../../lib/engine/items.ts';
import { planChunks } from '../../lib/engine/plan-chunks.ts';
import { planRetry, type RetryPlan } from '../../lib/engine/plan-retry.ts';
import { ORCHESTRATOR, stageQueue } from '../../lib/engine/send.ts';
import { startBatch } from '../../lib/engine/start-batch.ts';
import { startNextRound } from '../../lib/engine/start-round.ts';
import { copyStop } from '../../lib/engine/stop-batch.ts';
import { sweepBatch } from '../../lib/engine/sweep.ts';
import { workChunk } from '../../lib/engine/work-chunk.ts';
import type { Input } from '../../lib/ports/input.ts';

/** Rows by their places: a list, or what makes them when they are asked for. */
export type Rows = Pick<readonly unknown[], 'length' | 'slice'>;

/** Rows in memory as a pinned input, cut into chunks of `chunk`. */
export function rowsInput(rows: Rows, chunk: number): Input {
  return {
    prepare: async () => undefined,
    fault: () => undefined,
    digest: async () => 'digest',
    async *cuts(cursor) {
      for (let first = Number(cursor.split(':')[2] ?? 0); first < rows.length; first += chunk) {
        const count = Math.min(chunk, rows.length - first);
        const range = { source: 0, start: first, end: first + count, first, count };
        yield { range, cursor: `0:${first + count}:${first + count}` };
      }
    },
    async *records({ first, count }): AsyncIterable<RecordBlock> {
      const part = rows.slice(first, first + count);
      yield { first, rows: part, raws: part.map((row) => JSON.stringify(row)), errors: undefined };
    },
  };
}

export interface WorldOptions {
  rows: readonly unknown[];
  /** In place of the rows. */
  input?: Input;
  id?: string;
  limits?: Limits;
  /** How many times faster than real its monotonic clock runs: saves come as often. */
  clockRate?: number;
  /** Stores of an earlier world: this one is the process that comes after it. */
  after?: Pick<Engine, 'store' | 'objects'>;
  /** What the attempts' thread has beside what every world gives it. */
  env?: Partial<AttemptEnv>;
  /** Called before and after each call of the stores and the queue; what it throws is the crash. */
  onCall?: (moment: 'before' | 'after', call: string) => void;
}

/** The same port, each of whose calls is told of. */
function told<T extends object>(name: string, port: T, onCall: WorldOptions['onCall']): T {
  if (onCall === undefined) return port;
  return new Proxy(port, {
    get(target, method) {
      const value = Reflect.get(target, method) as unknown;
      if (typeof value !== 'function') return value;
      // Not a promise but a listing: its reads change nothing, a crash in it is one before the next call.
      if (method === 'list') return value.bind(target) as unknown;
      return async (...given: unknown[]) => {
        const call = `${name}.${String(method)}`;
        onCall('before', call);
        const answer = (await value.apply(target, given)) as unknown;
        onCall('after', call);
        return answer;
      };
    },
  });
}

/** Stands for the job file, which these worlds do not bundle. */
const JOB_BYTES = Buffer.from('export default {}');

let processes = 0;

/** The real engine on memory adapters, with as many workers as its settings say. */
export function memoryWorld(
  job: Job,
  { rows, id = 'test-batch', limits, after, onCall, env, clockRate = 1, ...rest }: WorldOptions,
) {
  const settings = settingsOf(job, limits);
  const real = systemClock();
  const clock = { ...real, monotonic: () => real.monotonic() * clockRate };
  processes += 1;
  const host = memoryHost({ id: `p${processes}` });
  // Whoever came before is dead: a resume waits for nobody.
  host.isDead = (owner) => !owner.startsWith(`${host.id}/`);
  const input = rest.input ?? rowsInput(rows, settings.chunk);
  let draining = false;
  const raw = after ?? { store: memoryCheckpointStore(), objects: memoryObjectStore() };
  const engine: Engine = {
    clock,
    host,
    store: told('store', raw.store, onCall),
    objects: told('objects', raw.objects, onCall),
    queue: told('queue', memoryWorkQueue(clock), onCall),
    log: memoryLogger(),
    jobDigest: createHash('sha256').update(JOB_BYTES).digest('hex'),
    window: windowOf(settings),
    windows: settings.stages?.map(windowOf),
    leases: {
      until: (now) => now + 60_000,
      hold: () => ({ lost: () => false, drop: () => undefined }),
    },
    inputOf: async (batch) => inputOfRound(batch, input, engine.objects),
    remainingMs: () => Number.POSITIVE_INFINITY,
    draining: () => draining,
    openAttempt: async (spec, control) => {
      const batch = (await readBatch(raw.store, spec.id.batch)) as Batch;
      return openAttempt(
        {
          clock,
          random: host.random,
          usage: host.usage,
          objects: engine.objects,
          input: inputOfRound(batch, input, engine.objects),
          filter: batch.filter,
          job,
          settings,
          options: {},
          secrets: {},
          now: 1_700_000_000_000,
          worker: 'w1',
          process: 'p1',
          ...env,
        },
        spec,
        control,
      );
    },
  };

  const handle = async (queue: string): Promise<boolean> => {
    const [delivery] = await engine.queue.receive(queue, {
      max: 1,
      waitMs: 0,
      visibilityMs: 60_000,
    });
    if (delivery === undefined) return false;
    const { message, receipt } = delivery;
    const batch = (await readBatch(engine.store, id)) as Batch;
    if (message.step === 'plan') await planChunks(engine, batch);
    else if (message.step === 'finalise') await finalise(engine, message);
    else
      await workChunk(engine, {
        batch: id,
        round: message.round,
        stage: message.stage ?? 0,
        chunk: message.chunk ?? 0,
      });
    await engine.queue.ack(queue, receipt);
    return true;
  };

  return {
    engine,
    /** The stores themselves, which outlive the process. */
    raw,
    id,
    batch: async () => (await readBatch(engine.store, id)) as Batch,
    async start(): Promise<boolean> {
      await engine.objects.put(jobKey(id), JOB_BYTES);
      return startBatch(engine, {
        id,
        job: job.name,
        jobRef: job.name,
        inputName: 'rows',
        sources: [],
        readerOptions: {},
        settings,
        options: {},
        now: 1_700_000_000_000,
      });
    },
    /** Works what is queued, `settings.workers` chunks at once, until nothing is left. */
    async run(): Promise<void> {
      // Looks in vain of each loop since anything was found; 0 while it handles something.
      const inVain: number[] = [];
      const loop = async (queue: string, at: number): Promise<void> => {
        do {
          const looks = inVain[at] ?? 0;
          inVain[at] = 0;
          if (await handle(queue)) inVain.fill(0);
          else inVain[at] = looks + 1;
          await clock.sleep(1);
          if (hasEnded((await readBatch(engine.store, id))?.status)) return;
        } while (inVain.some((looks) => looks < 5));
      };
      const stages = settings.stages ?? [settings];
      const workers = stages.map(({ workers }, stage) =>
        new Array<string>(workers).fill(stageQueue(stage)),
      );
      const queues = [ORCHESTRATOR, ...workers.flat()];
      await Promise.all(queues.map(loop));
    },
    /** What a process does that takes the batch up. */
    takeUp: async () =>
      sweepBatch(engine, (await readBatch(engine.store, id)) as Batch, { graceMs: 0 }),
    /** What a person does after a pause. */
    async resume(): Promise<void> {
      const { round, digest } = (await readBatch(engine.store, id)) as Batch;
      await engine.store.change(batchKey(id), clearStop(round, digest));
      await copyStop(engine, id);
      await sweepBatch(engine, (await readBatch(engine.store, id)) as Batch, { graceMs: 0 });
    },
    /** Begins the next round, with the code of before or with other code; it works by `run`. */
    async retry(filter: RetryFilter = {}, digest = engine.jobDigest): Promise<RetryPlan> {
      const batch = (await readBatch(engine.store, id)) as Batch;
      const plan = await planRetry(engine, batch, filter);
      await engine.objects.put(roundJobKey({ id, round: plan.round, digest }), JOB_BYTES);
      await startNextRound(engine, batch, { plan, digest });
      return plan;
    },
    drain: () => {
      draining = true;
    },
    async report(): Promise<Report> {
      return JSON.parse(await this.file('report.json')) as Report;
    },
    async file(file: ReportFile): Promise<string> {
      const bytes = await engine.objects.get(reportKey(id, 0, file));
      return Buffer.from(bytes ?? new Uint8Array()).toString();
    },
    /** All outcome lines, in order. */
    async outcomes(): Promise<string> {
      const lines = [];
      for await (const { outcome, facts } of items(engine, await this.batch(), {}))
        lines.push(JSON.stringify({ ...(facts.stage ? { stage: facts.stage } : {}), ...outcome }));
      return lines.join('\n');
    },
  };
}

/** Copies of both stores, so that one state can be damaged in many ways. */
export async function copyStores(
  { store, objects }: Pick<Engine, 'store' | 'objects'>,
  id: string,
) {
  const copy = { store: memoryCheckpointStore(), objects: memoryObjectStore() };
  for await (const key of objects.list('')) {
    await copy.objects.put(key, (await objects.get(key)) as Uint8Array);
  }
  for (const batch of [id, LIVE]) {
    for (const { sort, record } of await store.query(batch, '', '\uffff')) {
      await copy.store.change({ batch, sort }, { when: [], set: record });
    }
  }
  return copy;
}
