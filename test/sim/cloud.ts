import { newerIsAnswered } from '../../lib/app/aws/inbox-event.ts';
import { batchKey, jobKey } from '../../lib/core/keys.ts';
import { windowOf } from '../../lib/core/options.ts';
import type { RetryFilter } from '../../lib/core/retry.ts';
import { clearStop, hasEnded, isCancel } from '../../lib/core/transitions.ts';
import { listBatches, readBatch, requireStage, stagesOf } from '../../lib/engine/batch.ts';
import type { Engine } from '../../lib/engine/engine.ts';
import { finalise } from '../../lib/engine/finalise.ts';
import { planChunks } from '../../lib/engine/plan-chunks.ts';
import { sendStep, stageQueue } from '../../lib/engine/send.ts';
import { startBatch } from '../../lib/engine/start-batch.ts';
import { copyStop, pauseForOtherCode, stopBatch } from '../../lib/engine/stop-batch.ts';
import { GRACE_MS, liveBatch, sweepBatch } from '../../lib/engine/sweep.ts';
import { workChunk } from '../../lib/engine/work-chunk.ts';
import type { Message } from '../../lib/ports/work-queue.ts';
import {
  BUDGET_MS,
  LEASE_MARGIN_MS,
  ORCHESTRATOR_LIFE_MS,
  SKEW_MS,
  SWEEP_EVERY_MS,
  SWEEPER_LIFE_MS,
  WORKER_LIFE_MS,
} from './cloud-limits.ts';
import { JOB_BYTES, NEW_CODE, OLD_CODE } from './code.ts';
import { expected, newBatchOf, type SimPorts, simEngine, truthBatch } from './engine-of.ts';
import { type Fleet, newFleet } from './lambda.ts';
import type { SimProcess } from './process.ts';
import { newProcess } from './process.ts';
import { retryOnce, whenRetried } from './retry.ts';
import { type Body, type SimQueue, simWorkQueue } from './sqs.ts';
import { BATCH } from './truth.ts';
import { inboxOf, type SluiceVersion, versionAt } from './upgrade.ts';

/** Starts the cloud shape: queues, functions, triggers, the sweeper, and the people who stop things. */
export function startCloud(ports: SimPorts): void {
  const { world } = ports;
  const { config } = world;
  const queues: Record<string, SimQueue> = {};
  const digestNow = (): string =>
    config.deployAt !== undefined && world.now() >= config.deployAt ? NEW_CODE : OLD_CODE;
  const engineIn = (process: SimProcess, window = windowOf(config)): Engine =>
    cloudEngine(ports, process, { queues, window });

  const orchestrator = newFleet(ports, {
    name: 'orchestrator',
    lifeMs: ORCHESTRATOR_LIFE_MS,
    maxConcurrency: 10,
    reserved: config.reserve ? 10 : undefined,
    digest: digestNow,
    version: () => versionAt(config, 'orchestrator', world.now()),
    handle: (process, body) =>
      answer(world, process, body, (step) => orchestrate(engineIn(process), step, world)),
  });
  for (let number = 0; number < config.stages; number += 1) {
    const name = stageQueue(number);
    const worker = newFleet(ports, {
      name,
      lifeMs: WORKER_LIFE_MS,
      maxConcurrency: Math.max(2, config.workers),
      reserved: config.reserve ? config.workers : undefined,
      digest: digestNow,
      version: () => versionAt(config, name, world.now()),
      handle: (process, body) =>
        answer(world, process, body, async (step) => {
          const { chunk = 0, stage = 0, round } = step as Message;
          await workChunk(engineIn(process), { batch: BATCH, round, stage, chunk });
        }),
    });
    queues[name] = worker.queue;
  }
  queues['orchestrator'] = orchestrator.queue;

  if (config.deployAt !== undefined) world.at(config.deployAt, () => world.hit('deploy'));
  sendTriggers(ports, orchestrator);
  if (!config.gentle) startSweeper(ports, engineIn, digestNow);
  startPeople(ports, engineIn, digestNow);
}

function sendTriggers({ world }: SimPorts, { queue }: Fleet): void {
  const { config } = world;
  if (world.strikes('triggerLost')) return;
  for (let n = 0; n < config.triggers; n += 1) {
    if (n > 0) world.hit('triggerDuplicated');
    const delayMs = n === 0 ? 0 : world.between(0, 90_000);
    world.at(0, () => queue.put({ step: 'start' }, { delayMs, lineage: {} }));
  }
}

/** What a function does with a message, by its own version's door; as the handlers of `lib/app/aws` do. */
async function answer(
  world: SimPorts['world'],
  process: SimProcess,
  body: Body,
  work: (step: Body) => Promise<void>,
): Promise<void> {
  let step = body;
  if (body.step !== 'start') {
    const [event] = inboxOf(process.version)(JSON.stringify(body));
    if (body.v > process.version) {
      if (event?.kind === 'newer') world.hit('newerMessage');
      else world.violate(`${process.id} takes a message of version ${body.v} for its own`);
      return;
    }
    if (event?.kind !== 'step') {
      world.violate(`${process.id}: ${event?.kind} is a message of version ${body.v}`);
      return;
    }
    if (body.v < process.version) world.hit('olderMessage');
    step = event.message;
  }
  await unlessNewer(world, work(step));
}

/** What finds records of a newer version leaves them alone, and is answered. */
async function unlessNewer(world: SimPorts['world'], work: Promise<void>): Promise<void> {
  const newer = await newerIsAnswered(work);
  if (newer !== undefined) world.hit('newerRecord');
}

/** One message of the orchestrator's queue, as `lib/app/aws/handle-inbox.ts` answers it. */
async function orchestrate(engine: Engine, body: Body, world: SimPorts['world']): Promise<void> {
  if (body.step === 'start') {
    const there = await readBatch(engine.store, BATCH);
    if (there !== undefined && hasEnded(there.status)) return;
    if (there === undefined) await engine.objects.put(jobKey(BATCH), JOB_BYTES);
    await startBatch(engine, newBatchOf(world));
    return;
  }
  const batch = await readBatch(engine.store, body.batch);
  if (batch === undefined || batch.round !== body.round || hasEnded(batch.status)) return;
  if (body.step === 'finalise') {
    await finalise(engine, body);
  } else if (isCancel(batch.stop)) {
    await copyStop(engine, batch.id);
  } else if (batch.digest !== engine.jobDigest) {
    await pauseForOtherCode(engine, batch);
  } else await planChunks(engine, batch);
}

/** Leases, budget and remaining time as `lib/app/aws/cloud-engine.ts` sets them. */
function cloudEngine(
  ports: SimPorts,
  process: SimProcess,
  { queues, window }: { queues: Record<string, SimQueue>; window: number },
): Engine {
  const { world } = ports;
  const startedAt = world.now();
  const remainingMs = (): number => process.endsAt - world.now();
  return simEngine(ports, process, {
    queue: simWorkQueue(world, process, queues),
    window,
    remainingMs,
    draining: () => world.now() - startedAt >= BUDGET_MS,
    leases: {
      until: (now) => now + remainingMs() + 2 * SKEW_MS + LEASE_MARGIN_MS,
      hold: () => {
        const end = process.clock.now() + remainingMs();
        return { lost: () => process.clock.now() >= end, drop: () => undefined };
      },
    },
  });
}

type EngineIn = (process: SimProcess, window?: number) => Engine;

/** Runs one task in a process of its own; what goes wrong in it is over with the process. */
function runTask(
  { world, invariants }: SimPorts,
  options: { id: string; lifeMs: number; digest: string; version: SluiceVersion },
  task: (process: SimProcess) => Promise<void>,
): { ended(): boolean } {
  const skewMs = world.between(-SKEW_MS, SKEW_MS);
  const process = newProcess(world, { ...options, skewMs });
  process.onGone(() => invariants.left(process));
  let ended = false;
  world.at(options.lifeMs, () => {
    if (!ended && !process.zombie) process.kill('its time is up');
  });
  unlessNewer(world, task(process)).then(
    () => {
      ended = true;
    },
    (error: unknown) => {
      ended = true;
      expected(world, process, error);
    },
  );
  return { ended: () => ended || process.dead || process.zombie };
}

function startSweeper(ports: SimPorts, engineIn: EngineIn, digest: () => string): void {
  const { world, truth } = ports;
  let running: { ended(): boolean } | undefined;
  let count = 0;
  const sweep = async (process: SimProcess): Promise<void> => {
    const engine = engineIn(process);
    const entries = await listBatches(engine.store);
    for (const entry of entries) {
      const batch = await liveBatch(engine.store, entry);
      if (typeof batch !== 'string') await sweepBatch(engine, batch, { graceMs: GRACE_MS });
    }
    // An upload without a batch after five minutes, be it in the list already: its start may have died there.
    if (world.now() < 300_000 || (await readBatch(engine.store, BATCH)) !== undefined) return;
    await startBatch(engine, newBatchOf(world));
  };
  const tick = (): void => {
    world.at(SWEEP_EVERY_MS, tick);
    // Reserved concurrency 1: a sweep that still runs is the only one.
    if (running !== undefined && !running.ended()) return;
    const live = truth.records.get('live')?.get(BATCH);
    if (live !== undefined && hasEnded(live['status'])) return;
    count += 1;
    const version = versionAt(world.config, 'sweeper', world.now());
    const options = { id: `sweeper${count}`, lifeMs: SWEEPER_LIFE_MS, digest: digest(), version };
    running = runTask(ports, options, sweep);
  };
  world.at(world.between(0, SWEEP_EVERY_MS), tick);
}

/** How long a person waits before trying again what did not work. */
const PATIENCE_MS = 30_000;

/** Pauses, resumes, cancels: as `lib/app/aws/stack-stop.ts` does, from a machine that releases nothing. */
function startPeople(ports: SimPorts, engineIn: EngineIn, digest: () => string): void {
  const { world } = ports;
  const { config } = world;
  let count = 0;
  const anyone = () => {
    const version = versionAt(config, 'people', world.now());
    return { id: `person${count}`, lifeMs: 600_000, digest: digest(), version };
  };
  const person = (done: () => boolean, task: (engine: Engine) => Promise<void>): void => {
    const batch = truthBatch(ports);
    if (done() || (batch !== undefined && batch.status !== 'running')) return;
    if (batch !== undefined) {
      count += 1;
      runTask(ports, anyone(), (process) =>
        // As `lib/app/aws/stack-stop.ts`: it reads no part, so it plans no later stage.
        task({ ...engineIn(process, 0), objects: undefined as never }),
      );
    }
    world.at(PATIENCE_MS, () => person(done, task));
  };
  const { pauseAt, cancelAt, resumeAfter } = config;
  const wanted = (): boolean =>
    pauseAt !== undefined && world.now() >= pauseAt && world.now() < pauseAt + resumeAfter;
  if (pauseAt !== undefined) {
    world.at(pauseAt, () =>
      person(
        () => !wanted() || truthBatch(ports)?.stop !== 'none',
        async (engine) => {
          world.hit('pause');
          await stopBatch(engine, BATCH, { stop: 'pause', reason: 'by a person' });
        },
      ),
    );
  }
  if (cancelAt !== undefined) {
    world.at(cancelAt, () =>
      person(
        () => isCancel(truthBatch(ports)?.stop),
        async (engine) => {
          world.hit('cancel');
          const batch = await stopBatch(engine, BATCH, { stop: 'cancel', reason: 'by a person' });
          if (!hasEnded(batch.status)) await sweepBatch(engine, batch, { graceMs: 0 });
        },
      ),
    );
  }
  // Looks now and then: a pause that nobody wants any more, or other code since a deploy, is resumed.
  let resuming: { ended(): boolean } | undefined;
  const look = (): void => {
    const batch = truthBatch(ports);
    if (batch !== undefined && hasEnded(batch.status) && !ports.truth.retryDue) return;
    world.at(PATIENCE_MS, look);
    if (batch?.stop !== 'pause' || wanted() || resuming?.ended() === false) return;
    count += 1;
    resuming = runTask(ports, anyone(), (process) => resume(ports, engineIn(process, 0)));
  };
  if (pauseAt !== undefined || config.deployAt !== undefined) world.at(PATIENCE_MS, look);
  const { retry } = config;
  if (retry === undefined) return;
  const ask = (filter: RetryFilter): void => {
    count += 1;
    runTask(ports, anyone(), async (process) => {
      const answer = await retryOnce(world, engineIn(process, 0), filter);
      if (answer === 'nothing to retry') ports.truth.retryDue = false;
    });
  };
  const cancelRound = (): void =>
    person(
      () => isCancel(truthBatch(ports)?.stop),
      async (engine) => {
        world.hit('cancel');
        const batch = await stopBatch(engine, BATCH, { stop: 'cancel', reason: 'by a person' });
        if (!hasEnded(batch.status)) await sweepBatch(engine, batch, { graceMs: 0 });
      },
    );
  whenRetried(ports, {
    ask: () => {
      ask(retry.filter);
      if (retry.rival) world.at(world.between(0, 60), () => ask({ ...retry.filter, first: 2 }));
    },
    begun: () => {
      if (retry.cancelAfterMs !== undefined) world.at(retry.cancelAfterMs, cancelRound);
    },
  });
}

async function resume({ world }: SimPorts, engine: Engine): Promise<void> {
  world.hit('resume');
  const batch = await readBatch(engine.store, BATCH);
  if (batch === undefined || hasEnded(batch.status)) return;
  await engine.store.change(batchKey(BATCH), clearStop(batch.round, engine.jobDigest));
  const current = await copyStop(engine, BATCH);
  await sweepBatch(engine, current, { graceMs: 0 });
  for (const stage of stagesOf(current)) {
    const { sealed } = await requireStage(engine.store, stage);
    if (sealed !== undefined) await sendStep(engine, 'plan', stage);
  }
}
