import { inputOfRound } from '../../lib/app/round-of.ts';
import { openAttempt } from '../../lib/engine/attempt.ts';
import { toBatch } from '../../lib/engine/batch.ts';
import type { AttemptSpec, Control, Engine, Leases } from '../../lib/engine/engine.ts';
import { newQuotaLeases } from '../../lib/engine/quota-leases.ts';
import type { WorkQueue } from '../../lib/ports/work-queue.ts';
import { SKEW_MS } from './cloud-limits.ts';
import type { Invariants } from './invariants.ts';
import { BATCH_NOW, settingsFor, simInput, simJob } from './job.ts';
import { type SimProcess, Transient } from './process.ts';
import type { SimRemote } from './remote.ts';
import { simCheckpointStore, simObjectStore } from './stores.ts';
import { BATCH, type Truth } from './truth.ts';
import { storeOfNext } from './upgrade.ts';
import type { World } from './world.ts';

export interface SimPorts {
  world: World;
  truth: Truth;
  invariants: Invariants;
  remote: SimRemote;
}

export interface EngineParts {
  queue: WorkQueue;
  window: number;
  leases: Leases;
  remainingMs(): number;
  draining(): boolean;
}

const SILENT: Engine['log'] = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT,
  flush: () => Promise.resolve(),
};

/** The real engine in one simulated process. */
export function simEngine(ports: SimPorts, process: SimProcess, parts: EngineParts): Engine {
  const { world, invariants, remote } = ports;
  const { config } = world;
  const input = simInput(world, process);
  const objects = simObjectStore(ports, process);
  const store = simCheckpointStore(ports, process);
  const quotas = newQuotaLeases({
    ...{ store, clock: process.clock, log: SILENT, random: process.host.random },
  });
  const engine: Engine = {
    ...parts,
    windows: settingsFor(config).stages?.map(() => parts.window),
    skewMs: config.shape === 'cloud' ? SKEW_MS : 0,
    clock: process.clock,
    host: process.host,
    store: process.version === 1 ? store : storeOfNext(store, ports.truth),
    objects,
    log: SILENT,
    jobDigest: process.digest,
    inputOf: async (batch) => inputOfRound(batch, input, objects),
    async openAttempt(spec, control) {
      const { round } = spec.id;
      const job = simJob({ world, invariants, remote, process, round });
      const batch = truthBatch(ports);
      // As `lib/app/aws/cloud-engine.ts` refuses it.
      if (batch?.round !== round) throw new Transient('the batch left this round');
      const watched = watch(ports, process, { spec, control });
      const attempt = await openAttempt(
        {
          clock: process.clock,
          random: process.host.random,
          usage: process.host.usage,
          objects,
          input: inputOfRound(batch, input, objects),
          filter: batch.filter,
          job,
          settings: settingsFor(config),
          options: {},
          secrets: {},
          now: BATCH_NOW,
          worker: process.host.id,
          process: process.host.id,
          quotas,
        },
        spec,
        control,
      ).catch((error: unknown) => {
        watched.close();
        throw error;
      });
      return {
        ...attempt,
        close() {
          attempt.close();
          watched.close();
        },
      };
    },
    keepMs: config.keepMs,
  };
  return engine;
}

function watch(
  { invariants }: SimPorts,
  process: SimProcess,
  { spec, control }: { spec: AttemptSpec; control: Control },
): { close(): void } {
  const open = {
    process,
    round: spec.id.round,
    stage: spec.id.stage,
    chunk: spec.id.chunk,
    epoch: spec.epoch,
    lost: () => control.state() === 'lost',
  };
  invariants.attemptOpens(open);
  return { close: () => invariants.attemptCloses(open) };
}

/** What `startBatch` is given, by every trigger alike. */
export const newBatchOf = (
  world: World,
): Parameters<typeof import('../../lib/engine/start-batch.ts').startBatch>[1] => ({
  id: BATCH,
  job: 'sim',
  jobRef: 'sim',
  inputName: 'rows',
  sources: [{ name: 'rows', bytes: world.config.items, version: '1' }],
  readerOptions: {},
  settings: settingsFor(world.config),
  options: {},
  now: BATCH_NOW,
});

/** The batch record as it is at this very moment, without a call. */
export const truthBatch = ({ truth }: SimPorts) => {
  const record = truth.batch();
  return record === undefined ? undefined : toBatch(record);
};

/** Only what another delivery may mend may be thrown. */
export function expected(world: SimPorts['world'], process: SimProcess, error: unknown): void {
  const { name, message } = error as Error;
  world.trace(process.id, `throws ${(error as Error).stack}`);
  if (error instanceof Transient) return;
  // Saved rows are removed after the end: a zombie of before finds them gone, and nothing else.
  if ((error as { code?: string }).code === 'DAMAGED' && process.zombie) return;
  world.violate(`${process.id} threw ${name}: ${message}`);
}
