import { LEASE_MS, RENEW_MS } from '../../lib/adapters/local/store-wire.ts';
import type { LocalEngine } from '../../lib/app/local-engine.ts';
import type { RecordKey } from '../../lib/core/change.ts';
import type { renew } from '../../lib/core/transitions.ts';
import type { Attempt, AttemptSpec, Engine, HeldLease } from '../../lib/engine/engine.ts';
import { newSemaphore } from '../../lib/pool/semaphore.ts';

/** As `lib/app/local-engine.ts` and the local store have them. */
const HOLD_AFTER_MS = 2_000;
const SILENT_MS = 15_000;

/** Renews by a thread of its own: nothing but a stop of the whole process holds it up. */
export function holdLease(
  { clock, store }: Pick<Engine, 'clock' | 'store'>,
  key: RecordKey,
  renewal: (until: number) => ReturnType<typeof renew>,
): HeldLease {
  let [refused, dropped, renewedAt] = [false, false, clock.now()];
  let cancel = (): void => undefined;
  const renewOnce = async (): Promise<void> => {
    const now = clock.now();
    const answer = await store.change(key, renewal(now + LEASE_MS)).catch(() => undefined);
    if (dropped) return;
    if (answer?.applied === false) refused = true;
    else if (answer !== undefined) renewedAt = now;
    if (!refused) cancel = clock.after(RENEW_MS, () => void renewOnce());
  };
  cancel = clock.after(HOLD_AFTER_MS, () => void renewOnce());
  return {
    lost: () => refused || clock.now() - renewedAt > SILENT_MS,
    drop() {
      dropped = true;
      cancel();
    },
  };
}

interface Slots {
  attempts: LocalEngine['attempts'];
  open(spec: AttemptSpec, open: () => Promise<Attempt>): Promise<Attempt>;
}

/** As `lib/app/attempts.ts`: a slot is held while items run; one death from its verdict, an attempt holds all. */
export function newSlots(count: number, stages = 1): Slots {
  const seats = Array.from({ length: stages }, () => newSemaphore(count));
  const turn = newSemaphore(1);
  let busy = 0;
  const every = async (): Promise<() => void> => {
    const held = [await turn.acquire()];
    for (const stage of seats) {
      for (let at = 0; at < count; at += 1) held.push(await stage.acquire());
    }
    return () => {
      for (const giveBack of held.reverse()) giveBack();
    };
  };
  return {
    attempts: {
      open: () => Promise.reject(new Error('opened by the engine')),
      get busy() {
        return busy;
      },
      slots: count,
      maxSlots: seats.map(() => count),
      byStage: () => [{ busy, slots: count }],
      threads: 0,
      ask: async () => undefined,
      seen: (state) => state,
      rest: () => undefined,
      close: async () => undefined,
    },
    async open(spec, open) {
      const alone = spec.alone !== undefined;
      const giveBack = await (alone
        ? every()
        : (seats[spec.id.stage] as (typeof seats)[0]).acquire());
      busy += 1;
      let held = true;
      const done = (): void => {
        if (!held) return;
        held = false;
        busy -= 1;
        giveBack();
      };
      try {
        const attempt = await open();
        return {
          ...attempt,
          async work(until) {
            const worked = await attempt.work(until);
            const through = worked.cursor >= spec.range.count || worked.state !== 'go';
            if (through && !alone) done();
            return worked;
          },
          close() {
            attempt.close();
            done();
          },
        };
      } catch (error) {
        done();
        throw error;
      }
    },
  };
}
