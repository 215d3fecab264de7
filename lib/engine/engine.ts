import type { RecordKey } from '../core/change.ts';
import type { ItemError } from '../core/errors.ts';
import type { SparseHistogram } from '../core/histogram.ts';
import type { ChunkId } from '../core/keys.ts';
import type { Counts } from '../core/outcome.ts';
import type { ChunkRange } from '../core/records.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Host } from '../ports/host.ts';
import type { Input } from '../ports/input.ts';
import type { Logger } from '../ports/logger.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { WorkQueue } from '../ports/work-queue.ts';
import type { Batch } from './batch.ts';
import type { CodeCount } from './part.ts';

/** Everything a step of the flow may touch. */
export interface Engine {
  clock: Clock;
  host: Host;
  store: CheckpointStore;
  objects: ObjectStore;
  queue: WorkQueue;
  log: Logger;
  /** SHA-256 of the job file that this process loaded. */
  jobDigest: string;
  /** Chunks that may be released and not committed. */
  window: number;
  /** The same for each stage, where a job has several. */
  windows?: readonly number[] | undefined;
  leases: Leases;
  /** The pinned input of a batch; the composition keeps it open between chunks. */
  inputOf(batch: Batch): Promise<Input>;
  /** Opens an attempt at a chunk: in this thread, or in a worker thread. */
  openAttempt(spec: AttemptSpec, control: Control): Promise<Attempt>;
  /** Milliseconds of the function's life that are left; Infinity on a host that does not end us. */
  remainingMs(): number;
  /** True once the process was asked to stop (SIGTERM, Ctrl-C) or its budget is used up: no new item starts. */
  draining(): boolean;
  /** Most that clocks of two workers differ, ms; undefined = they share one. */
  skewMs?: number | undefined;
  /** How long after its end the records of a batch are kept; undefined = for ever. */
  keepMs?: number | undefined;
}

/** What settling and stopping need: also of a process that works nothing itself. Without objects no later stage is planned. */
export type SettlePorts = Pick<Engine, 'store' | 'queue' | 'log' | 'window' | 'windows'> &
  Partial<Pick<Engine, 'objects'>>;

/** How long a claim is good for. */
export interface Leases {
  /** When a lease taken now ends. */
  until(now: number): number;
  /** Keeps a claimed record's lease alive (locally) until it is dropped. */
  hold(key: RecordKey, lease: { epoch: number; owner: string }): HeldLease;
}

export interface HeldLease {
  /** A renewal was refused, or none went through for too long: start nothing more. */
  lost(): boolean;
  drop(): void;
}

/** What an attempt may still do, asked before each item. */
export type ControlState = 'go' | 'pause' | 'cancel' | 'drain' | 'lost';
export interface Control {
  state(): ControlState;
  /** Saves the attempt's rows and open polls; false when a later attempt has the chunk. Absent in a worker thread. */
  save?(attempt: Pick<Attempt, 'write'>): Promise<boolean>;
}

/** One try at one chunk, as it crosses to a thread: plain data, under 1 KB. */
export interface AttemptSpec {
  id: ChunkId;
  epoch: number;
  range: ChunkRange;
  /** Items done before this attempt, and the object that holds their rows. */
  cursor: number;
  saved: string | undefined;
  /** Careful mode: one item at a time. */
  careful: boolean;
  /**
   * Position of an item whose next death is its last: nothing else may run in the process beside this
   * attempt, or all items that were named at that moment would be blamed for one killer.
   */
  alone?: number | undefined;
}

/** The rows of one attempt: worked in order, kept in memory, written as one object. */
export interface Attempt {
  /** Works items up to `until` (a count from the chunk's start), or until control says otherwise. */
  work(until: number): Promise<Worked>;
  /** Records the next item, which is the one that `work` was last asked to stop before, as failed without running it. */
  fail(error: ItemError): Promise<void>;
  /** Records everything from the cursor on as not run. */
  notRun(): Promise<void>;
  /** Items that have a row so far, also behind a gap; absent where they are in another thread. */
  ended?(): Counts;
  /** Stores all rows so far under `key`. */
  write(key: string): Promise<PartSummary>;
  /** Frees what the attempt holds (a slot, a thread, the input); twice is harmless. */
  close(): void;
}

export interface Worked {
  cursor: number;
  /** Items of the chunk, which of a groupBy stage nobody knew before its rows were read. */
  count: number;
  state: ControlState;
  /** Why a step is there for no row: the state is `pause`, and the batch is to be paused for this. */
  blocked?: string;
  /** No slot of a quota is free, no remote is to be asked before, ms since 1970: the state is `drain`, the chunk is deferred. */
  resumeAt?: number;
}

/** What the checkpoint store and the progress display need to know of a written part. */
export interface PartSummary {
  bytes: number;
  counts: Counts;
  /** Failed and stalled items by code, in this part. */
  codes: Record<string, CodeCount>;
  /** Milliseconds its items took. */
  durations: SparseHistogram;
  /** In a later round: its items that had stalled before it and were not run. */
  stillStalled?: number;
}
