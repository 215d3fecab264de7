import { createRequire } from 'node:module';
import { SQSClient } from '@aws-sdk/client-sqs';
import { readAssembly } from './assembly.ts';
import { type Backends, startBackends } from './backends.ts';
import { type ChaosKind, type ChaosSpec, newChaos, parseChaos } from './chaos.ts';
import { clientOptions, createResources } from './create.ts';
import { newDeliveries, routesOf } from './deliveries.ts';
import { clientEnv } from './function-env.ts';
import { fileLogs, memoryLogs } from './function-logs.ts';
import { type FunctionPool, type Invocation, newFunctionPool } from './function-pool.ts';
import type { FunctionStats } from './function-stats.ts';
import { newGuard } from './guard.ts';
import { checkSpeed, sharedConcurrency } from './limits.ts';
import { type Mapping, type MappingStats, startMapping } from './mapping.ts';
import { newScope, queueUrl } from './names.ts';
import { ownAnswers, type StackOutput } from './own-answers.ts';
import { newQueueReader } from './queue-reader.ts';
import { type Ignored, sortResources } from './resource-types.ts';
import { readSpecs, type StackSpecs } from './specs.ts';
import {
  checkTargets,
  findFunction,
  outputsOf,
  secretFinder,
  unknownFunction,
} from './stack-parts.ts';
import type { CallerTraffic } from './traffic.ts';

export interface EmulatorOptions {
  /** Output folder of a synthesised CDK app (see `synth`). */
  assembly: string;
  /** Which stack of it; needed only where there are several. */
  stack?: string | undefined;
  /** Of 127.0.0.1; 0 (the default) takes a free one. */
  port?: number | undefined;
  /** Time-outs, visibility, queue delays, batching windows and schedules are divided by it. Default 1. */
  speed?: number | undefined;
  chaos?: ChaosSpec | undefined;
  /** Concurrent executions of the account. Default 1000. */
  accountConcurrency?: number | undefined;
  /** Folder for the functions' output, a file each; kept in memory without one. */
  logFolder?: string | undefined;
  /** Where secrets are looked up by name. Default: this process's environment. */
  secrets?: Readonly<Record<string, string | undefined>> | undefined;
  /** Told of faults of the emulator itself; they are thrown away by default. */
  onFault?: ((error: unknown) => void) | undefined;
}

export interface EmulatorStats {
  /** By logical id. */
  functions: Record<string, FunctionStats>;
  mappings: Record<string, MappingStats>;
  /** By caller: a function's logical id, 'mappings', 'set-up', 'outside'. */
  traffic: Record<string, CallerTraffic>;
  /** What chaos did. */
  chaos: Record<ChaosKind, number>;
}

/** A running stack. */
export interface Emulator {
  stack: string;
  endpoint: string;
  speed: number;
  /** The stack's outputs, resolved. */
  outputs: Record<string, string>;
  /** AWS_* variables that bring any SDK client of another process here. */
  env: Record<string, string>;
  specs: StackSpecs;
  /** Resources that need nothing done, each with the reason. */
  ignored: Ignored[];
  stats(): EmulatorStats;
  /** Runs a function (logical id or name, in any case) on an event. Throws `NOT_FOUND` for an unknown one. */
  invoke(name: string, event: unknown): Promise<Invocation>;
  /** A function's output so far; with a `logFolder`, the path of its file. */
  logs(name: string): string;
  /** Ends everything, its processes included. */
  close(): Promise<void>;
}

/**
 * Runs a synthesised stack on this machine: its buckets, queues and tables in emulated services behind one loopback
 * port, its functions in child processes. Throws a SluiceError: `BAD_INPUT` for a template that cannot be run
 * faithfully, `NOT_FOUND` without the emulators' packages, `USAGE` for a wrong option.
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const speed = checkSpeed(options.speed ?? 1);
  const assembly = readAssembly(options.assembly, options.stack);
  const backends = await startBackends({ port: options.port ?? 0 });
  try {
    const scope = newScope(assembly, backends.endpoint);
    const sorted = sortResources(assembly, scope);
    const specs = readSpecs({ assembly, scope, sorted, speed });
    const stack = { name: assembly.name, specs, speed, outputs: outputsOf(scope) };
    const running = await run(options, backends, stack);
    return { ...running, ignored: sorted.ignored };
  } catch (error) {
    await backends.close();
    throw error;
  }
}

interface StackToRun {
  name: string;
  specs: StackSpecs;
  speed: number;
  outputs: StackOutput[];
}

async function run(
  options: EmulatorOptions,
  backends: Backends,
  { name: stack, specs, speed, outputs }: StackToRun,
): Promise<Omit<Emulator, 'ignored'>> {
  const { endpoint, traffic } = backends;
  const parts = await startParts(options, backends, { name: stack, specs, speed, outputs });
  const { pools, mappings, chaos, logs } = parts;
  const require = (name: string): FunctionPool =>
    findFunction(pools, name) ?? unknownFunction(name, specs);
  return {
    stack,
    endpoint,
    speed,
    specs,
    outputs: Object.fromEntries(outputs.map(({ key, value }) => [key, value])),
    env: clientEnv(endpoint, 'outside'),
    stats: () => ({
      functions: Object.fromEntries(
        [...pools.values()].map(({ spec, stats }) => [spec.logicalId, stats()]),
      ),
      mappings: Object.fromEntries(mappings.map(({ spec, stats }) => [spec.logicalId, stats()])),
      traffic: traffic.snapshot(),
      chaos: chaos.report(),
    }),
    async invoke(name, event) {
      return require(name).invoke(JSON.stringify(event));
    },
    logs: (name) => logs.read(require(name).spec.logicalId),
    close: parts.close,
  };
}

/** Makes the resources, then everything that moves: pools, uploads' events, schedules, mappings. */
async function startParts(
  options: EmulatorOptions,
  backends: Backends,
  { name: stack, specs, speed, outputs }: StackToRun,
) {
  const { endpoint } = backends;
  const { take } = sharedConcurrency(specs.functions, options.accountConcurrency);
  const routes = routesOf(specs.buckets, specs.rules);
  checkTargets(specs, routes);
  await createResources(specs, endpoint);
  const stop = new AbortController();
  const chaos = newChaos(options.chaos ?? parseChaos(''));
  const onFault = options.onFault ?? (() => undefined);
  const logs = options.logFolder === undefined ? memoryLogs() : fileLogs(options.logFolder);
  const guard = newGuard();
  const bootFile = createRequire(import.meta.url).resolve('#emulate-boot');
  const { clockOffsetMs } = chaos;
  const common = { bootFile, endpoint, speed, logs, guard, takeShared: take, clockOffsetMs };
  const pools = new Map<string, FunctionPool>(
    specs.functions.map((spec) => [spec.name, newFunctionPool({ spec, ...common })]),
  );
  const find = (name: string) => findFunction(pools, name);
  const secret = secretFinder(specs.functions, options.secrets ?? process.env);
  const startedMs = Date.now();
  const { signal } = stop;
  backends.answerWith(ownAnswers({ stack, outputs, startedMs, find, secret, speed, signal }));
  const client = new SQSClient(clientOptions(endpoint, 'mappings'));
  const { rules } = specs;
  const sending = { client, endpoint, pools, chaos, onFault };
  const deliveries = newDeliveries({ ...sending, routes, rules, speed });
  backends.onCreated(deliveries.created);
  deliveries.announce();
  const mappings = startMappings(specs, sending);
  const close = async (): Promise<void> => {
    stop.abort();
    deliveries.close();
    await Promise.all([...mappings, ...pools.values()].map((part) => part.close()));
    client.destroy();
    await backends.close();
    await logs.close();
    guard.close();
  };
  return { pools, mappings, chaos, logs, close };
}

interface MappingParts {
  client: SQSClient;
  endpoint: string;
  pools: ReadonlyMap<string, FunctionPool>;
  chaos: ReturnType<typeof newChaos>;
  onFault(error: unknown): void;
}

function startMappings({ mappings, queues }: StackSpecs, parts: MappingParts): Mapping[] {
  const { client, endpoint, pools, chaos, onFault } = parts;
  return mappings.flatMap((spec) => {
    const pool = pools.get(spec.function);
    const queue = queues.find(({ name }) => name === spec.queue);
    if (pool === undefined || queue === undefined) return [];
    const reader = newQueueReader(client, queueUrl(endpoint, spec.queue));
    return [startMapping({ spec, queue: { ...queue, reader }, pool, chaos, onFault })];
  });
}
