import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import type { ChildAnswer, ChildAsk, ChildStop } from './wire.ts';

/** One process at work. */
export interface Child {
  /** Rejects with `ChildDied` when it ends without an answer. */
  answer: Promise<ChildAnswer>;
  /** Asks it to save and to end. */
  stop(): void;
  /** Ends it at once, as kill -9 does. */
  kill(): void;
}

export class ChildDied extends Error {
  constructor(code: number | null, signal: NodeJS.Signals | null) {
    super(
      signal === null ? `its process ended with code ${code}` : `its process died by ${signal}`,
    );
    this.name = 'ChildDied';
  }
}

const here = createRequire(import.meta.url);

export function startChild(ask: ChildAsk): Child {
  const child = fork(here.resolve('#serve-child'), [], {
    // Both streams are talk.
    stdio: ['ignore', 2, 2, 'ipc'],
    execArgv: [],
  });
  const answer = new Promise<ChildAnswer>((resolve, reject) => {
    let answered: ChildAnswer | undefined;
    child.on('message', (message: ChildAnswer) => {
      answered = message;
    });
    child.on('error', reject);
    // Only once it is gone: its store is closed then, and nothing of the batch is held.
    child.on('close', (code, signal) => {
      if (answered === undefined) reject(new ChildDied(code, signal));
      else resolve(answered);
    });
  });
  send(child, ask);
  return { answer, stop: () => send(child, { stop: true }), kill: () => child.kill('SIGKILL') };
}

/** A process that is gone cannot be told anything: its end is seen by `close`. */
function send(child: ChildProcess, message: ChildAsk | ChildStop): void {
  if (child.connected) child.send(message, () => undefined);
}
