import { systemClock } from '../../lib/adapters/local/clock.ts';
import { memoryCheckpointStore } from '../../lib/adapters/memory/checkpoint-store.ts';
import { memoryHost } from '../../lib/adapters/memory/host.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import { memoryWorkQueue } from '../../lib/adapters/memory/work-queue.ts';
import type { Job, Limits } from '../../lib/core/job.ts';
import { reportKey, type ReportFile } from '../../lib/core/keys.ts';
import { settingsOf, windowOf } from '../../lib/core/options.ts';
import type { RecordBlock } from '../../lib/core/records.ts';
import type { Report } from '../../lib/core/report.ts';
import { hasEnded } from '../../lib/core/transitions.ts';
import { openAttempt } from '../../lib/engine/attempt.ts';
import { type Batch, readBatch } from '../../lib/engine/batch.ts';
import type { Engine } from '../../lib/engine/engine.ts';
import { finalise } from '../../lib/engine/finalise.ts';
import { items } from '../../lib/engine/items.ts';
import { planChunks } from '../../lib/engine/plan-chunks.ts';
import { ORCHESTRATOR, stageQueue } from '../../lib/engine/send.ts';
import { startBatch } from '../../lib/engine/start-batch.ts';
import { workChunk } from '../../lib/engine/work-chunk.ts';
import type { Input } from '../../lib/ports/input.ts';

/** Rows in memory as a pinned input, cut into chunks of `chunk`. */
export function rowsInput(rows: readonly unknown[], chunk: number): Input {
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
  limits?: Limits;
  /** Changes the engine before it runs: faults, other hosts. */
  tamper?: (engine: Engine) => void;
}

/** The real engine on memory adapters, with as many workers as its settings say. */
export function memoryWorld(job: Job, { rows, limits, tamper }: WorldOptions) {
  const settings = settingsOf(job, limits);
  const clock = systemClock();
  const host = memoryHost();
  const input = rowsInput(rows, settings.chunk);
  let draining = false;
  const engine: Engine = {
    clock,
    host,
    store: memoryCheckpointStore(),
    objects: memoryObjectStore(),
    queue: memoryWorkQueue(clock),
    log: memoryLogger(),
    jobDigest: 'code-1',
    window: windowOf(settings),
    leases: { until: (now) => now + 60_000, hold: () => ({ lost: () => false, drop: () => undefined }) },
    inputOf: async () => input,
    remainingMs: () => Number.POSITIVE_INFINITY,
    draining: () => draining,
    openAttempt: async (spec, control) =>
      openAttempt(
        {
          clock,
          random: host.random,
          usage: host.usage,
          objects: engine.objects,
          input,
          job,
          settings,
          options: {},
          now: 1_700_000_000_000,
          worker: 'w1',
          process: 'p1',
        },
        spec,
        control,
      ),
  };
  tamper?.(engine);
  const id = 'test-batch';

  const handle = async (queue: string): Promise<boolean> => {
    const [delivery] = await engine.queue.receive(queue, { max: 1, waitMs: 0, visibilityMs: 60_000 });
    if (delivery === undefined) return false;
    const { message, receipt } = delivery;
    const batch = (await readBatch(engine.store, id)) as Batch;
    if (message.step === 'plan') await planChunks(engine, batch);
    else if (message.step === 'finalise') await finalise(engine, message);
    else await workChunk(engine, { batch: id, round: message.round, stage: 0, chunk: message.chunk ?? 0 });
    await engine.queue.ack(queue, receipt);
    return true;
  };

  return {
    engine,
    id,
    batch: async () => (await readBatch(engine.store, id)) as Batch,
    start: () =>
      startBatch(engine, {
        id,
        job: job.name,
        jobRef: job.name,
        inputName: 'rows',
        sources: [],
        readerOptions: {},
        settings,
        options: {},
        now: 1_700_000_000_000,
      }),
    /** Works what is queued, `settings.workers` chunks at once, until nothing is left. */
    async run(): Promise<void> {
      let [busy, idleSince] = [0, 0];
      const loop = async (queue: string): Promise<void> => {
        idleSince = clock.monotonic();
        while (busy > 0 || clock.monotonic() - idleSince < 40) {
          busy += 1;
          const did = await handle(queue);
          busy -= 1;
          if (did) idleSince = clock.monotonic();
          else await clock.sleep(2);
          if (hasEnded((await readBatch(engine.store, id))?.status)) return;
        }
      };
      const queues = [ORCHESTRATOR, ...new Array<string>(settings.workers).fill(stageQueue(0))];
      await Promise.all(queues.map(loop));
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
      for await (const { outcome } of items(engine, await this.batch(), {})) lines.push(JSON.stringify(outcome));
      return lines.join('\n');
    },
  };
}
