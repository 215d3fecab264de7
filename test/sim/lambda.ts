import {
  LINEAGE_HOPS,
  RECURSIVE_LOOP,
  SKEW_MS,
  THROTTLED_MS,
  VISIBILITY_FACTOR,
} from './cloud-limits.ts';
import { expected, type SimPorts } from './engine-of.ts';
import { newProcess, type SimProcess } from './process.ts';
import { type Body, type Held, newQueue, type SimQueue } from './sqs.ts';
import type { SluiceVersion } from './upgrade.ts';

export interface FleetOptions {
  name: string;
  lifeMs: number;
  /** Of the event source. */
  maxConcurrency: number;
  /** Of the function; undefined = none. */
  reserved: number | undefined;
  digest(): string;
  version(): SluiceVersion;
  handle(process: SimProcess, body: Body): Promise<void>;
}

/** A function behind a queue: environments, an event source that receives, and the limits of both. */
export interface Fleet {
  readonly queue: SimQueue;
}

interface Environment {
  id: string;
  skewMs: number;
  digest: string;
  version: SluiceVersion;
}

export function newFleet(ports: SimPorts, options: FleetOptions): Fleet {
  const { world, invariants } = ports;
  const { name, lifeMs } = options;
  const visibilityMs = VISIBILITY_FACTOR * lifeMs;
  const idle: Environment[] = [];
  let [running, environments, invocations] = [0, 0, 0];

  const environment = (): Environment => {
    const [digest, version] = [options.digest(), options.version()];
    // A deploy leaves the environments of the old code to end by themselves.
    for (let found = idle.pop(); found !== undefined; found = idle.pop()) {
      if (found.digest === digest && found.version === version) return found;
    }
    environments += 1;
    const skewMs = world.between(-SKEW_MS, SKEW_MS);
    return { id: `${name}/${environments}`, skewMs, digest, version };
  };

  const invoke = (held: Held): void => {
    const hops = (held.lineage[name] ?? 0) + 1;
    if (hops > LINEAGE_HOPS && RECURSIVE_LOOP !== 'Allow') {
      world.hit('lineageCut');
      world.trace(name, `cut at hop ${hops}`);
      queue.remove(held);
      return;
    }
    running += 1;
    invocations += 1;
    const home = environment();
    const process = newProcess(world, {
      id: `${name}#${invocations}`,
      hostId: `lambda/${home.id}`,
      skewMs: home.skewMs,
      lifeMs,
      digest: home.digest,
      version: home.version,
      lineage: { ...held.lineage, [name]: hops },
    });
    let freed = false;
    const free = (): void => {
      if (freed) return;
      freed = true;
      running -= 1;
      world.at(0, pump);
    };
    process.onGone(() => {
      invariants.left(process);
      free();
    });
    world.at(lifeMs, () => {
      if (process.dead || process.ended || process.zombie) return;
      world.hit('lambdaTimeout');
      process.kill('its time is up');
    });
    const end = (): void => {
      process.ended = true;
      if (process.zombie) return;
      idle.push(home);
      free();
    };
    world.trace(process.id, `takes ${JSON.stringify(held.body)}, receive ${held.receives}`);
    options.handle(process, held.body).then(
      () => {
        end();
        // What a zombie answers is not heard any more.
        if (!process.zombie && !world.strikes('deleteLost')) queue.remove(held);
      },
      (error: unknown) => {
        expected(world, process, error);
        end();
      },
    );
  };

  const pump = (): void => {
    while (running < options.maxConcurrency) {
      const held = queue.take(visibilityMs);
      if (held === undefined) return;
      const full = options.reserved !== undefined && running >= options.reserved;
      if (full || world.strikes('receiveBurnt')) {
        world.trace(name, `throttled: ${JSON.stringify(held.body)}`);
        queue.hideFor(held, THROTTLED_MS);
        continue;
      }
      invoke(held);
    }
  };
  const queue = newQueue(ports, name, () => pump());
  return { queue };
}
