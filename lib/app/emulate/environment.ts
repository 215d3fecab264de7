import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { EnvironmentMessage, EventMessage } from './boot.ts';
import type { Guard } from './guard.ts';
import type { FunctionSpec } from './specs.ts';

/** What came of one call of an environment. `died` is its end by itself; `type` is Lambda's name for the fault. */
export type CallResult =
  | { did: 'answered'; answer: string }
  | { did: 'failed'; type: string; message: string; died: boolean };

/** One process that runs a function, one event at a time. */
export interface Environment {
  readonly pid: number;
  /** True once it can take no more events. */
  readonly gone: boolean;
  /** Highest resident set seen, in MB. */
  readonly peakMb: number;
  /** Resolves when the handler is loaded, with the fault where it cannot be. */
  loaded: Promise<CallResult | undefined>;
  call(event: EventMessage): Promise<CallResult>;
  /** Resolves when its process has ended. */
  ended: Promise<void>;
  /** Looks at the resident set now; undefined where there is no /proc. */
  residentMb(): number | undefined;
  /** Ends it at once; what runs fails with `type` and `message`. */
  kill(type: string, message: string): void;
}

export interface EnvironmentOptions {
  spec: FunctionSpec;
  bootFile: string;
  env: Record<string, string>;
  log(text: string): void;
  guard: Guard;
}

/** Starts a process for a function. Its standard streams go to the log. */
export function startEnvironment(options: EnvironmentOptions): Environment {
  const { log, guard } = options;
  const child = forkBoot(options);
  const pid = child.pid ?? 0;
  if (child.pid !== undefined) guard.watch(pid);
  let gone = false;
  let peakMb = 0;
  let reason: { type: string; message: string } | undefined;
  let finish: ((result: CallResult) => void) | undefined;
  let settleLoad: (fault: CallResult | undefined) => void = () => undefined;
  const loaded = new Promise<CallResult | undefined>((done) => {
    settleLoad = done;
  });
  child.on('message', (message: EnvironmentMessage) => {
    if ('ready' in message) {
      gone ||= !message.ready;
      settleLoad(message.ready ? undefined : { did: 'failed', ...faultOf(message), died: true });
      if (!message.ready) child.kill('SIGKILL');
    } else if ('answer' in message) finish?.({ did: 'answered', answer: message.answer });
    else finish?.({ did: 'failed', ...faultOf(message), died: false });
  });
  const end = (how: string): void => {
    gone = true;
    guard.forget(pid);
    const { type, message } = reason ?? {
      type: 'Runtime.ExitError',
      message: `Runtime exited with error: ${how}`,
    };
    const fault: CallResult = { did: 'failed', type, message, died: true };
    settleLoad(fault);
    finish?.(fault);
  };
  const ended = new Promise<void>((done) => {
    child.on('error', ({ message }) => {
      end(message);
      if (child.pid === undefined) done();
    });
    child.on('exit', (code, signal) => {
      end(signal === null ? `exit status ${code}` : `signal: ${signal}`);
      done();
    });
  });
  child.stdout?.setEncoding('utf8').on('data', log);
  child.stderr?.setEncoding('utf8').on('data', log);
  return {
    pid,
    get gone() {
      return gone;
    },
    get peakMb() {
      return peakMb;
    },
    loaded,
    ended,
    call(event) {
      return new Promise((done) => {
        finish = (result) => {
          finish = undefined;
          done(result);
        };
        if (gone) return end('it had ended before');
        child.send(event, (error) => {
          if (error !== null) end(error.message);
        });
      });
    },
    residentMb() {
      const now = residentOf(pid);
      if (now === undefined) return undefined;
      peakMb = Math.max(peakMb, now.peakMb);
      return now.residentMb;
    },
    kill(type, message) {
      reason ??= { type, message };
      gone = true;
      child.kill('SIGKILL');
    },
  };
}

const faultOf = ({ type, message }: { type: string; message: string }) => ({ type, message });

function forkBoot({ spec, bootFile, env }: EnvironmentOptions): ChildProcess {
  return fork(bootFile, [spec.file, spec.exported], {
    // Nine tenths for the heap, the rest for the process itself; what leaves the heap (buffers, threads) is seen
    // in the resident set only.
    execArgv: [`--max-old-space-size=${Math.floor(spec.memoryMb * 0.9)}`],
    cwd: spec.folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'json',
  });
}

/** From /proc/<pid>/status, in MB: now, and the highest so far. */
function residentOf(pid: number): { residentMb: number; peakMb: number } | undefined {
  if (process.platform !== 'linux' || pid === 0) return undefined;
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const mb = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
    return { residentMb: mb('VmRSS'), peakMb: mb('VmHWM') };
  } catch {
    return undefined;
  }
}
