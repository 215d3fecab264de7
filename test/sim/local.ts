import { LEASE_MS } from '../../lib/adapters/local/store-wire.ts';
import { type LocalWorkQueue, localWorkQueue } from '../../lib/adapters/local/work-queue.ts';
import { drive, takeUp } from '../../lib/app/drive.ts';
import type { LocalEngine } from '../../lib/app/local-engine.ts';
import { batchKey, jobKey, runnerKey } from '../../lib/core/keys.ts';
import type { RetryFilter } from '../../lib/core/retry.ts';
import {
  clearStop,
  dropRunner,
  hasEnded,
  isCancel,
  renew,
  renewRunner,
  takeRunner,
} from '../../lib/core/transitions.ts';
import { readBatch } from '../../lib/engine/batch.ts';
import { startBatch } from '../../lib/engine/start-batch.ts';
import { stopBatch } from '../../lib/engine/stop-batch.ts';
import { JOB_BYTES, NEW_CODE, OLD_CODE } from './code.ts';
import { expected, newBatchOf, type SimPorts, simEngine, truthBatch } from './engine-of.ts';
import { holdLease, newSlots } from './local-slots.ts';
import { newProcess, type SimProcess } from './process.ts';
import { retryOnce, whenRetried } from './retry.ts';
import { timersOf } from './timers.ts';
import { BATCH } from './truth.ts';

/** A follower looks every 500 ms in the product; ten times as seldom is the same story in fewer events. */
const FOLLOW_MS = 5_000;
const KILL_AFTER_TERM_MS = 10_000;

interface Home {
  ports: SimPorts;
  processes: Map<string, SimProcess>;
  count: number;
}

/** Starts the local shape: processes of one host on one home, and a person who starts them again. */
export function startLocal(ports: SimPorts): void {
  const { world } = ports;
  const { config } = world;
  const home: Home = { ports, processes: new Map(), count: 0 };
  for (let n = 0; n < config.processes; n += 1) {
    world.at(n === 0 ? 0 : world.between(0, 40_000), () => run(home));
  }
  const { pauseAt, resumeAfter, cancelAt, deployAt } = config;
  if (deployAt !== undefined) world.at(deployAt, () => world.hit('deploy'));
  const wanted = (): boolean =>
    pauseAt !== undefined && world.now() >= pauseAt && world.now() < pauseAt + resumeAfter;
  if (pauseAt !== undefined) world.at(pauseAt, () => stopBy(home, 'pause', wanted));
  if (cancelAt !== undefined) world.at(cancelAt, () => stopBy(home, 'cancel', () => true));
  /** Whoever sees that nobody is at it any more starts it again. */
  const look = (): void => {
    const batch = truthBatch(ports);
    if (batch !== undefined && hasEnded(batch.status)) {
      if (ports.truth.retryDue) world.at(world.between(1_000, 30_000), look);
      return;
    }
    world.at(world.between(1_000, 30_000), look);
    if (wanted()) return;
    if ([...home.processes.values()].some((one) => !one.dead && !one.ended && !one.zombie)) return;
    if (batch?.stop === 'pause') world.hit('resume');
    run(home);
  };
  world.at(world.between(1_000, 30_000), look);
  const { retry } = config;
  if (retry === undefined) return;
  whenRetried(ports, {
    ask: () => {
      retryBy(home, retry.filter);
      const rival = { ...retry.filter, first: 2 };
      if (retry.rival) world.at(world.between(0, 60), () => retryBy(home, rival));
    },
    begun: () => {
      const { cancelAfterMs } = retry;
      if (cancelAfterMs === undefined) return;
      world.at(cancelAfterMs, () => stopBy(home, 'cancel', () => true));
    },
  });
}

/** What `sluice retry` does. */
function retryBy(home: Home, filter: RetryFilter): void {
  const { world, truth } = home.ports;
  runProcess(home, async (process) => {
    const local = localEngine(home, process);
    const answer = await retryOnce(world, local, filter);
    if (answer === 'nothing to retry') truth.retryDue = false;
    else
      await takeBatch(home, {
        process,
        local,
        signal: new AbortController().signal,
        keepStop: false,
      });
  });
}

const hostOf = (owner: string): string => owner.slice(0, owner.lastIndexOf('/'));

function processIn(home: Home): SimProcess {
  const { world, invariants } = home.ports;
  home.count += 1;
  const { deployAt } = world.config;
  const id = `host/${home.count}`;
  const process = newProcess(world, {
    id,
    digest: deployAt !== undefined && world.now() >= deployAt ? NEW_CODE : OLD_CODE,
    isDead: (owner) => home.processes.get(hostOf(owner))?.dead ?? false,
  });
  process.onGone(() => invariants.left(process));
  home.processes.set(id, process);
  return process;
}

/** A process that ends gives up what it is: its owners are proved dead from then on. */
function runProcess(home: Home, task: (process: SimProcess) => Promise<void>): void {
  const { world } = home.ports;
  const process = processIn(home);
  const exit = (): void => {
    process.ended = true;
    process.kill('it ends');
  };
  world.trace(process.id, 'starts');
  task(process).then(exit, (error: unknown) => {
    expected(world, process, error);
    exit();
  });
}

/** What `sluice run` and `sluice resume` do. */
function run(home: Home): void {
  const { world } = home.ports;
  runProcess(home, async (process) => {
    const local = localEngine(home, process);
    const stopping = new AbortController();
    if (world.strikes('sigterm')) {
      world.at(
        world.between(0, 60_000),
        () => {
          if (process.dead) return;
          world.trace(process.id, 'SIGTERM');
          stopping.abort();
          world.at(KILL_AFTER_TERM_MS, () => process.kill('SIGKILL'));
        },
        process,
      );
    }
    const there = await readBatch(local.store, BATCH);
    if (there === undefined) {
      await local.objects.put(jobKey(BATCH), JOB_BYTES);
      await startBatch({ ...local, queue: localWorkQueue(process.clock) }, newBatchOf(world));
    }
    await takeBatch(home, { process, local, signal: stopping.signal, keepStop: false });
  });
}

interface Taking {
  process: SimProcess;
  local: LocalEngine;
  signal: AbortSignal;
  keepStop: boolean;
}

/** As `lib/app/take-batch.ts`: one process runs the batch, the others follow it and take over when it is gone. */
async function takeBatch(home: Home, { process, local, signal, keepStop }: Taking): Promise<void> {
  const { world } = home.ports;
  const known = await readBatch(local.store, BATCH);
  const owner = process.host.newOwner();
  while (!(await becomeRunner(local, owner))) {
    const batch = await readBatch(local.store, BATCH);
    if (batch === undefined || hasEnded(batch.status) || signal.aborted) return;
    await process.clock.sleep(FOLLOW_MS, signal);
  }
  const held = holdLease(local, runnerKey(BATCH), (until) => renewRunner(owner, until));
  const current = await readBatch(local.store, BATCH);
  try {
    if (current === undefined || hasEnded(current.status)) return;
    if (!keepStop) {
      if (current.stop === 'pause' && current.ver !== known?.ver) return;
      if (current.stop !== 'none' || current.digest !== process.digest) {
        await local.store.change(batchKey(BATCH), clearStop(current.round, process.digest));
      }
    }
    const batch = await readBatch(local.store, BATCH);
    if (batch === undefined) return;
    await takeUp(local, batch);
    // Without a sweep in gentle worlds: it comes each minute.
    timersOf(process.clock, world.config.gentle ? 59_999 : 60_000);
    await drive(local, batch, { signal });
  } finally {
    held.drop();
    await local.store.change(runnerKey(BATCH), dropRunner(owner));
  }
}

async function becomeRunner(local: LocalEngine, owner: string): Promise<boolean> {
  const there = await local.store.read(runnerKey(BATCH));
  const previous = there?.['owner'] as string | undefined;
  const deadOwner = previous !== undefined && local.host.isDead(previous) ? previous : undefined;
  const now = local.clock.now();
  const change = takeRunner({ owner, now, lease: now + LEASE_MS, deadOwner });
  return (await local.store.change(runnerKey(BATCH), change)).applied;
}

/** `sluice pause`, and `sluice cancel`, which then brings the batch to its end. */
function stopBy(home: Home, stop: 'pause' | 'cancel', wanted: () => boolean): void {
  const { ports } = home;
  const { world } = ports;
  const batch = truthBatch(ports);
  const stopped = stop === 'pause' ? batch?.stop !== 'none' : isCancel(batch?.stop);
  if (!wanted() || (batch !== undefined && (stopped || batch.status !== 'running'))) return;
  world.at(30_000, () => stopBy(home, stop, wanted));
  if (batch === undefined) return;
  world.hit(stop);
  runProcess(home, async (process) => {
    const local = localEngine(home, process);
    const quiet = { ...local, queue: localWorkQueue(process.clock), window: 0, windows: undefined };
    await stopBatch(quiet, BATCH, { stop, reason: 'by a person' });
    const { signal } = new AbortController();
    if (stop === 'cancel') await takeBatch(home, { process, local, signal, keepStop: true });
  });
}

/** As `lib/app/local-engine.ts` composes it, with slots on the main thread. */
function localEngine({ ports }: Home, process: SimProcess): LocalEngine {
  const { world } = ports;
  let draining = false;
  const slots = newSlots(world.config.workers, world.config.stages);
  const engine = simEngine(ports, process, {
    queue: localWorkQueue(process.clock),
    window: 2 * world.config.workers + 2,
    remainingMs: () => Number.POSITIVE_INFINITY,
    draining: () => draining,
    leases: {
      until: (now) => now + LEASE_MS,
      hold: (key, { epoch, owner }) =>
        holdLease(engine, key, (until) => renew(epoch, owner, until)),
    },
  });
  return {
    ...engine,
    queue: engine.queue as LocalWorkQueue,
    openAttempt: (spec, control) => slots.open(spec, () => engine.openAttempt(spec, control)),
    attempts: slots.attempts,
    drain() {
      draining = true;
    },
    close: async () => undefined,
  };
}
