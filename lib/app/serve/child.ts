/**
 * A process that works for `sluice serve`: job code is loaded and run only here. What it does to its process (an
 * endless loop, process.exit, all of the memory) ends this one; the server starts another, which goes on carefully.
 */
import { Console } from 'node:console';
import type { SluiceError } from '../../core/errors.ts';
import { hasEnded } from '../../core/transitions.ts';
import { type Home, openHome } from '../home.ts';
import { ownProcess } from '../own-process.ts';
import { beginRetry } from '../retry.ts';
import { beginRun, resumeBatchById } from '../run-batch.ts';
import type { ChildAnswer, ChildAsk, ChildStop } from './wire.ts';

ownProcess();
const stop = new AbortController();
// What a job prints is talk, and the server's stdout its result.
globalThis.console = new Console(process.stderr);
// Ctrl-C on a terminal reaches the whole group; when to stop is the server's to say.
for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
process.on('SIGTERM', () => stop.abort());
// The server is gone, by kill -9 even: what runs is saved, and its successor goes on.
process.on('disconnect', () => {
  stop.abort();
  if (!asked) process.exit(1);
});

let asked = false;
process.on('message', (message: ChildAsk | ChildStop) => {
  if ('stop' in message) return stop.abort();
  asked = true;
  void answerTo(message).then((answer) => {
    if (!process.connected) process.exit(1);
    process.send?.(answer, () => process.exit(0));
  });
});

async function answerTo(ask: ChildAsk): Promise<ChildAnswer> {
  try {
    const home = await openHome(ask.home);
    try {
      return await work(home, ask);
    } finally {
      await home.close();
    }
  } catch (error) {
    if (error === FULL) return { did: 'full' };
    if (error === PAUSED) return { did: 'paused' };
    const { code = 'INTERNAL', message, hint } = error as Partial<SluiceError>;
    return { did: 'fault', fault: { code, message: message ?? String(error), hint } };
  }
}

const FULL = Symbol('full');
const PAUSED = Symbol('paused');

async function work(home: Home, ask: ChildAsk): Promise<ChildAnswer> {
  switch (ask.op) {
    case 'begin': {
      const { batch, how } = await beginRun(home, ask.request, () => {
        if (ask.full) throw FULL;
      });
      return { did: how === 'new' ? 'new' : 'there', batch: batch.id, status: batch.status };
    }
    case 'retry': {
      const { batch: id, filter, tolerateFailures, acceptCode = false } = ask.request;
      const limits = tolerateFailures === undefined ? {} : { tolerateFailures };
      const { batch, items } = await beginRetry(home, { batch: id, filter, limits, acceptCode });
      return { did: 'round', batch: id, round: batch.round, items };
    }
    case 'run':
      return run(home, ask);
  }
}

async function run(
  home: Home,
  { batch: id, how }: Extract<ChildAsk, { op: 'run' }>,
): Promise<ChildAnswer> {
  const { concurrency, workers, parallel = 'auto', acceptCode = false, currentCode } = how;
  const { batch, driven } = await resumeBatchById(home, {
    batch: id,
    limits: {
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(workers === undefined ? {} : { workers }),
    },
    parallel,
    acceptCode,
    storedCode: currentCode !== true,
    signal: stop.signal,
    // A resume clears a pause before it asks for a process: one that is there now came since.
    onBatch: (found) => {
      if (found.stop === 'pause') throw PAUSED;
    },
  });
  return { did: driven === 'ended' && !hasEnded(batch.status) ? 'interrupted' : driven };
}
