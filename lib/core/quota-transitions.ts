/** Conditional changes of quota records. A slot that was leased is never given back, so `next` only grows. */
import { type Change, RECORD_VERSION, type StoredRecord } from './change.ts';

/**
 * Slots by compare-and-set: whoever leased since `ver` was read is seen. `ver` undefined = no record. A repeat of a
 * try that landed is refused, and leases anew: slots are lost, never doubled.
 */
export const leaseSlots = (ver: number | undefined, record: StoredRecord): Change => ({
  when: [ver === undefined ? ['absent', 'v'] : ['=', 'ver', ver]],
  set: { v: RECORD_VERSION, ...record },
  add: { ver: 1 },
});

/**
 * Slots behind those that others hold, in one write that no rival can refuse: right only where `next` is known to be
 * not before now, which stays so, since it only grows. All in microseconds.
 */
export const addSlots = (
  spec: { spec: string; gap: number },
  { us, lastUs, expires }: { us: number; lastUs: number; expires: number },
): Change => ({
  when: [
    ['=', 'spec', spec.spec],
    ['=', 'gap', spec.gap],
    ['<=', 'next', lastUs],
  ],
  set: { expires },
  add: { next: us, ver: 1 },
});
