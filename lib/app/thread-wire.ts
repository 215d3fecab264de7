import type { ItemError, SluiceErrorCode } from '../core/errors.ts';
import type { AttemptSpec, ControlState, PartSummary, Worked } from '../engine/engine.ts';
import type { SlotAnswer, SlotAsk } from '../ports/quotas.ts';
import type { InputOf } from './round-of.ts';

/** What a thread is started with. */
export interface ThreadData {
  /** The home folder's objects, and the bundled job file. */
  objects: string;
  jobFile: string;
  /** Names of this worker and of its process, for attempts lines. */
  worker: string;
  process: string;
  /** Shared with the main thread: see the slots below. */
  shared: Int32Array;
}

/**
 * Attempts that a thread holds at a time: one at work, and one that waits behind it, so that the thread
 * goes on at once and not when the main thread has taken the first one's part: threads were at work 93 to
 * 99 % of the time instead of 82 to 95 % (300,000 odds rows, chunks of 35 ms). Calls are worked one by
 * one, so never two items of two attempts at once.
 */
export const LANES = 2;

/** Main writes what the attempt of each lane may do: one slot a lane, from here on. */
export const SLOT_STATE = 0;
/** Counts up with each item that starts: when it stands still for too long, the item hangs. */
export const SLOT_BEAT = LANES;
/** Index of the item that started last. */
export const SLOT_INDEX = LANES + 1;
export const SLOTS = LANES + 2;

export const STATES: readonly ControlState[] = ['go', 'pause', 'cancel', 'drain', 'lost'];

/** What an attempt needs beside its spec; plain data, under 4 KB. */
export interface ThreadBatch extends InputOf {
  options: Record<string, unknown>;
  now: number;
}

/** What opens an attempt in a thread; goes along with its first call there. */
export interface ThreadOpening {
  /** Whose state slot it obeys. */
  lane: number;
  spec: AttemptSpec;
  batch: ThreadBatch;
  verdicts: [number, ItemError][];
}

/** What an attempt in a thread is asked to do. */
export type AttemptCall =
  /** `finish`: when the chunk's end is reached, the part of that key comes back with the answer. */
  | { op: 'work'; until: number; finish: string | undefined }
  | { op: 'fail'; error: ItemError }
  | { op: 'notRun' }
  | { op: 'write'; key: string }
  | { op: 'close' };

/** The last call of all, `shut`, closes what the thread holds open. */
export type ThreadCall = AttemptCall | { op: 'shut' };

/** A part as the thread made it: the main thread stores it, before it closes the attempt. */
export interface WrittenByThread {
  summary: PartSummary;
  /** Memory of the attempt, shared with the thread. */
  body: Uint8Array;
  /** What is stored before it. */
  before: { key: string; body: Uint8Array }[];
}

export interface WorkedByThread extends Worked {
  part: WrittenByThread | undefined;
}

export interface ThreadAsk {
  id: number;
  /** Names the attempt: while one is stored, the next may already work. */
  attempt: number;
  call: ThreadCall;
  opening: ThreadOpening | undefined;
}

/** What a thread asks of main's quota service, and its answer. */
export interface ThreadNeed {
  need: number;
  of: { op: 'lease'; ask: SlotAsk } | { op: 'blocked'; ask: SlotAsk; waitMs: number };
}
export interface ThreadMet {
  met: number;
  value: SlotAnswer | undefined;
  error: string | undefined;
}

export type ThreadAnswer =
  | { id: number; value: unknown }
  | {
      id: number;
      fault: {
        message: string;
        code: SluiceErrorCode | undefined;
        hint: string | undefined;
        stack: string | undefined;
      };
    };
