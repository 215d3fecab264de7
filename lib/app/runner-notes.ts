import type { RunnerNote } from '../core/figures.ts';
import { runnerKey } from '../core/keys.ts';
import { newPace } from '../core/pace.ts';
import { noteRunner } from '../core/runner-transitions.ts';
import type { Progress } from './drive.ts';
import type { Home } from './home.ts';

export interface RunnerNotes {
  see(progress: Progress): void;
  /** Waits for the note that is on its way. */
  end(): Promise<void>;
}

/** One small change of a record a second: others then know how the batch goes without asking this process. */
const NOTE_MS = 1_000;
/** Progress comes each 200 ms: 10 s of it. */
const MEAN_OF = 50;

/** Notes how a batch goes in its runner record. A note that cannot be written is left out: it is no part of the work. */
export function newRunnerNotes(
  { store, clock }: Pick<Home, 'store' | 'clock'>,
  { batch, owner }: { batch: string; owner: string },
): RunnerNotes {
  const pace = newPace();
  const shares: number[] = [];
  let next = 0;
  let writing: Promise<unknown> | undefined;
  return {
    see({ state, busy, slots, rssBytes, medianMs }) {
      const now = clock.monotonic();
      pace.note(state.doneItems, now);
      shares.push(slots === 0 ? 0 : busy / slots);
      if (shares.length > MEAN_OF) shares.shift();
      if (now < next || writing !== undefined) return;
      next = now + NOTE_MS;
      const note: RunnerNote = {
        at: Math.floor(clock.now()),
        pid: process.pid,
        rssBytes,
        busy,
        slots,
        utilisation: shares.reduce((sum, share) => sum + share, 0) / shares.length,
        rate: pace.rate() ?? null,
        medianMs: medianMs ?? null,
        counts: state.counts,
      };
      writing = store
        .change(runnerKey(batch), noteRunner(owner, JSON.stringify(note)))
        .catch(() => undefined)
        .finally(() => {
          writing = undefined;
        });
    },
    async end() {
      await writing;
    },
  };
}
