import { randomUUID } from 'node:crypto';
import { type CallResult, type Environment, startEnvironment } from './environment.ts';
import { functionEnv } from './function-env.ts';
import type { FunctionLogs } from './function-logs.ts';
import { type FunctionStats, newFunctionStats } from './function-stats.ts';
import type { Guard } from './guard.ts';
import type { FunctionSpec } from './specs.ts';
import { newWarmEnvironments, type WarmEnvironments } from './warm-environments.ts';

/** What came of an invocation. A throttled one never began. */
export type Invocation = CallResult | { did: 'throttled' };

export interface InvokeOptions {
  /** Called with the call's end for the environment: how chaos kills. */
  onStart?: (kill: () => void) => void;
}

/** One function and its environments. */
export interface FunctionPool {
  spec: FunctionSpec;
  /** Runs the function on an event (JSON text) in an idle environment or a new one. Never throws. */
  invoke(event: string, options?: InvokeOptions): Promise<Invocation>;
  stats(): FunctionStats;
  /** Ends all environments; what runs fails. */
  close(): Promise<void>;
}

export interface PoolOptions {
  spec: FunctionSpec;
  bootFile: string;
  endpoint: string;
  speed: number;
  logs: FunctionLogs;
  guard: Guard;
  /** Takes one of the account's environments that are not reserved; undefined: none is free. */
  takeShared(): (() => void) | undefined;
  /** How far the clock of a new environment is off, ms. */
  clockOffsetMs(): number;
}

/** Ten seconds to load, then Lambda gives up (lambda/latest/dg/lambda-runtime-environment: Init phase). */
const INIT_MS = 10_000;
const MEMORY_LOOK_MS = 250;
export function newFunctionPool(options: PoolOptions): FunctionPool {
  const { spec } = options;
  const stats = newFunctionStats();
  const warm = newWarmEnvironments();
  let busy = 0;
  let closed = false;
  return {
    spec,
    async invoke(event, invokeOptions = {}) {
      const shared = spec.reserved === undefined ? options.takeShared() : undefined;
      const full = spec.reserved === undefined ? shared === undefined : busy >= spec.reserved;
      if (full || closed) {
        shared?.();
        stats.throttled();
        return { did: 'throttled' };
      }
      busy += 1;
      stats.busy(busy);
      try {
        return await runOnce({ ...options, stats, warm }, event, invokeOptions);
      } finally {
        busy -= 1;
        shared?.();
      }
    },
    stats: () => stats.snapshot({ busy, environments: warm.size }),
    async close() {
      closed = true;
      await warm.close();
      while (busy > 0) await new Promise((done) => setTimeout(done, 5));
    },
  };
}

interface RunContext extends PoolOptions {
  stats: ReturnType<typeof newFunctionStats>;
  warm: WarmEnvironments;
}

async function runOnce(
  context: RunContext,
  event: string,
  { onStart }: InvokeOptions,
): Promise<CallResult> {
  const { spec, stats, warm } = context;
  const log = (text: string): void => context.logs.write(spec.logicalId, text);
  const id = randomUUID();
  const began = performance.now();
  const reused = warm.take();
  const environment = reused ?? startFor(context, log);
  if (reused === undefined) {
    stats.cold();
    const fault = await loadWithin(environment);
    if (fault !== undefined) {
      warm.put(environment);
      stats.note(fault, { ms: 0, peakMb: environment.peakMb });
      log(`INIT_REPORT Status: error\tError Type: ${errorType(fault)}\n`);
      return fault;
    }
  }
  log(`START RequestId: ${id} Version: $LATEST\n`);
  const begun = performance.now();
  onStart?.(() => environment.kill('Chaos.Killed', 'killed by --chaos'));
  const result = await watched(environment, { id, event, spec });
  const ms = performance.now() - begun;
  stats.note(result, { ms, peakMb: environment.peakMb });
  const initMs = reused === undefined ? begun - began : undefined;
  log(reportLines(spec, { id, ms, initMs, result, environment }));
  warm.put(environment);
  return result;
}

function startFor(context: RunContext, log: (text: string) => void): Environment {
  const { spec, bootFile, endpoint, speed, guard } = context;
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
  const logStream = `${day}/[$LATEST]${randomUUID().replaceAll('-', '')}`;
  const env = functionEnv(spec, {
    ...{ endpoint, speed, logStream },
    clockOffsetMs: context.clockOffsetMs(),
  });
  const environment = startEnvironment({ spec, bootFile, env, log, guard });
  context.warm.add(environment);
  return environment;
}

async function loadWithin(environment: Environment): Promise<CallResult | undefined> {
  const timer = setTimeout(
    () => environment.kill('Sandbox.Timedout', `loading took longer than ${INIT_MS / 1000} s`),
    INIT_MS,
  );
  const fault = await environment.loaded;
  clearTimeout(timer);
  return fault;
}

interface WatchedCall {
  id: string;
  event: string;
  spec: FunctionSpec;
}

/** One call under the function's time-out and memory. */
async function watched(environment: Environment, call: WatchedCall): Promise<CallResult> {
  const { id, event, spec } = call;
  const deadlineMs = Date.now() + spec.timeoutMs;
  const timer = setTimeout(
    () =>
      environment.kill(
        'Sandbox.Timedout',
        `Task timed out after ${(spec.timeoutMs / 1000).toFixed(2)} seconds`,
      ),
    spec.timeoutMs,
  );
  const look = (): void => {
    const mb = environment.residentMb();
    if (mb !== undefined && mb > spec.memoryMb) {
      environment.kill(
        'Runtime.OutOfMemory',
        `Runtime exited with error: signal: killed (${Math.round(mb)} of ${spec.memoryMb} MB used)`,
      );
    }
  };
  const memory = setInterval(look, MEMORY_LOOK_MS);
  try {
    const { arn: functionArn } = spec;
    return await environment.call({ id, event, deadlineMs, functionArn });
  } finally {
    clearTimeout(timer);
    clearInterval(memory);
    if (!environment.gone) environment.residentMb();
  }
}

interface Reported {
  id: string;
  ms: number;
  initMs: number | undefined;
  result: CallResult;
  environment: Environment;
}

/** The lines with which Lambda ends an invocation in the log. */
function reportLines(spec: FunctionSpec, reported: Reported): string {
  const { id, ms, initMs, result, environment } = reported;
  const { message } = result.did === 'failed' ? result : { message: '' };
  const lines =
    result.did === 'failed' && result.died ? [`RequestId: ${id} Error: ${message}`] : [];
  lines.push(
    `END RequestId: ${id}`,
    [
      `REPORT RequestId: ${id}`,
      `Duration: ${ms.toFixed(2)} ms`,
      `Billed Duration: ${Math.ceil(ms)} ms`,
      `Memory Size: ${spec.memoryMb} MB`,
      `Max Memory Used: ${Math.ceil(environment.peakMb)} MB`,
      ...(initMs === undefined ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
      ...(result.did === 'failed' ? [`Status: error`, `Error Type: ${errorType(result)}`] : []),
    ].join('\t'),
  );
  return `${lines.join('\n')}\n`;
}

const errorType = (result: CallResult): string => (result.did === 'failed' ? result.type : '');
