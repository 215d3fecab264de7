import { type ChunkId, stageKey } from '../core/keys.ts';
import { isCancel, type Stop } from '../core/transitions.ts';
import type { Control, ControlState, Engine, HeldLease } from './engine.ts';

/** How often a running attempt looks for a pause or a cancel: no item starts 5 s after it was copied. */
const LOOK_MS = 5_000;
/** A function stops starting items with this much left: time for those in flight, one save, one send. */
const MIN_REMAINING_MS = 10_000;

/** What the attempt may do, from the stage's halt, the lease and the process's own end. */
export function watchHalt(
  engine: Engine,
  { id, lease, halt }: { id: ChunkId; lease: HeldLease; halt: Stop | undefined },
): Control & { end(): void } {
  let halted: ControlState = isCancel(halt) ? 'cancel' : 'go';
  let ended = false;
  let cancelTimer = (): void => undefined;
  const look = async (): Promise<void> => {
    try {
      const now = (await engine.store.read(stageKey(id)))?.['halt'];
      if (isCancel(now)) halted = 'cancel';
      else halted = now === 'pause' ? 'pause' : 'go';
    } catch (error) {
      engine.log.warn('cannot look for a halt', { error: String(error) });
    }
    if (!ended) arm();
  };
  const arm = (): void => {
    cancelTimer = engine.clock.after(LOOK_MS, () => void look());
  };
  arm();
  return {
    state() {
      if (lease.lost()) return 'lost';
      if (halted !== 'go') return halted;
      return engine.draining() || engine.remainingMs() < MIN_REMAINING_MS ? 'drain' : 'go';
    },
    end() {
      ended = true;
      cancelTimer();
    },
  };
}
