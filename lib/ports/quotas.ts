import type { QuotaPlan } from '../core/quota.ts';

/** Slots of quotas, leased for this process: one service a process, also for its threads. */
export interface Quotas {
  /** Never rejects for want of a slot: then it says when the next one is free. */
  lease(ask: SlotAsk): Promise<SlotAnswer>;
  /** The remote asks to be left alone for `waitMs`: no slot before then is leased, nor used here. */
  blocked(of: Pick<SlotAsk, 'plan' | 'key'>, waitMs: number): Promise<void>;
}

export interface SlotAsk {
  plan: QuotaPlan;
  /** '' for a quota without keys. */
  key: string;
  /** Slots that are wanted; there may come fewer. */
  calls: number;
  /** How far ahead the first one may lie, ms. */
  withinMs: number;
}

/** Times in ms since 1970, on this process's clock. */
export type SlotAnswer = { slots: number[] } | { freeAt: number };
