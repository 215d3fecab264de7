/**
 * Records in one SQLite file, shared by all processes of the host. The database lives in a thread of its own
 * (store-thread.ts says why); this side only sends asks and gives the answers out.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { RecordKey, StoredRecord } from '../../core/change.ts';
import { SluiceError } from '../../core/errors.ts';
import type { CheckpointStore } from '../../ports/checkpoint-store.ts';
import { storeError } from './store-error.ts';
import {
  type Answer,
  type Ask,
  BUSY_LIMIT_MS,
  HOLD_FIELDS,
  HOLD_REFUSED,
  HOLD_RENEWED,
  HOLD_UNTIL,
  LEASE_MS,
  type Lease,
  type ThreadData,
} from './store-wire.ts';

export type { Lease } from './store-wire.ts';
export { LEASE_MS, RENEW_MS } from './store-wire.ts';

/** Half a lease without a renewal: what runs has the other half to end. */
const SILENT_MS = 15_000;
const BEAT_MS = 1000;
/** Records live for one message: a small young heap keeps 20 MB of resident set that a default one lets pile up. */
const YOUNG_MB = 6;

export interface HeldLease {
  /** A renewal was refused, or none succeeded for 15 s: start nothing more. */
  lost(): boolean;
  /** Milliseconds since 1970 up to which the record is certainly ours. */
  leaseUntil(): number;
}

export interface LocalCheckpointStore extends CheckpointStore {
  /**
   * From now on the store thread renews the lease of this record every 5 s to 30 s from then.
   * To be called right after the claim, which set the lease to `LEASE_MS` from its own now.
   */
  hold(key: RecordKey, lease: Lease): HeldLease;
  /** Ends the renewals: none comes after a change of that record that is asked for later. */
  drop(key: RecordKey): void;
  /**
   * Ends this process by SIGKILL, with a line on stderr, once its main thread ran no timer for `maxSilenceMs`
   * (whole seconds; 0 = never, as at the start). Time in which the whole process was suspended does not count.
   */
  watch(maxSilenceMs: number): void;
  /** Answers what was asked, writes the log back into the file, ends the thread. */
  close(): Promise<void>;
}

export interface LocalCheckpointOptions {
  /** How long a change may wait while another process writes (default 30 s). */
  busyLimitMs?: number;
}

type Value = Extract<Answer, { value: unknown }>['value'];

interface Pending {
  resolve(value: Value): void;
  reject(error: Error): void;
}

/**
 * Opens or makes the store. Several processes may have one file open.
 * Rejects with a SluiceError: `STORE` when the disk refuses, another process holds the file for 30 s or a newer
 * sluice wrote it; `DAMAGED` when the file is no store.
 */
export async function openLocalCheckpointStore(
  file: string,
  { busyLimitMs = BUSY_LIMIT_MS }: LocalCheckpointOptions = {},
): Promise<LocalCheckpointStore> {
  const line = startThread(resolve(file), busyLimitMs);
  const beating = setInterval(() => Atomics.add(line.beats, 0, 1), BEAT_MS);
  beating.unref();
  let closing: Promise<void> | undefined;

  const store: LocalCheckpointStore = {
    async read(key) {
      return recordOf((await line.ask((id) => ({ kind: 'read', id, key }))) as Body, key);
    },
    async query(batch, from, to) {
      const rows = await line.ask((id) => ({ kind: 'query', id, batch, from, to }));
      return (rows as [string, string][]).map(([sort, body]) => ({
        sort,
        record: recordOf(body, { batch, sort }) as StoredRecord,
      }));
    },
    async change(key, change) {
      const value = await line.ask((id) => ({ kind: 'change', id, key, change }));
      const record = recordOf(value as Body, key);
      return { applied: record !== undefined, record, retried: false };
    },
    async forget(batch) {
      await line.ask((id) => ({ kind: 'forget', id, batch }));
    },
    hold(key, lease) {
      const state = new BigInt64Array(new SharedArrayBuffer(8 * HOLD_FIELDS));
      const now = Date.now();
      Atomics.store(state, HOLD_UNTIL, BigInt(now + LEASE_MS));
      Atomics.store(state, HOLD_RENEWED, BigInt(now));
      line.tell({ kind: 'hold', key, lease, state });
      return {
        lost: () =>
          Atomics.load(state, HOLD_REFUSED) === 1n ||
          Date.now() - Number(Atomics.load(state, HOLD_RENEWED)) > SILENT_MS,
        leaseUntil: () => Number(Atomics.load(state, HOLD_UNTIL)),
      };
    },
    drop: (key) => line.tell({ kind: 'drop', key }),
    watch: (maxSilenceMs) => line.tell({ kind: 'watch', maxSilenceMs }),
    close() {
      closing ??= line.close().finally(() => clearInterval(beating));
      return closing;
    },
  };
  try {
    // The first read opens the file, so that a bad one is found here and not by a batch.
    await store.read({ batch: '', sort: '' });
    return store;
  } catch (fault) {
    await store.close();
    throw fault;
  }
}

type Body = string | undefined;

function recordOf(body: Body, { batch, sort }: RecordKey): StoredRecord | undefined {
  if (body === undefined) return undefined;
  try {
    return JSON.parse(body) as StoredRecord;
  } catch (fault) {
    throw storeError(fault, `cannot handle the record ${batch} ${sort}`);
  }
}

interface Line {
  beats: Int32Array;
  /** Sends and waits for the answer. */
  ask(make: (id: number) => Ask): Promise<Value>;
  /** Sends; nothing is answered. */
  tell(ask: Ask): void;
  close(): Promise<void>;
}

function startThread(path: string, busyLimitMs: number): Line {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const data: ThreadData = { file: path, beats, busyLimitMs };
  const entry = createRequire(import.meta.url).resolve('#store-thread');
  // No execArgv: the built file needs no loader that main may run under.
  const thread = new Worker(entry, {
    workerData: data,
    execArgv: [],
    name: 'sluice-store',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  const pending = new Map<number, Pending>();
  const ended = new Promise<void>((done) => thread.once('exit', () => done()));
  let outbox: Ask[] = [];
  let ids = 0;
  let over: SluiceError | undefined;

  const fail = (error: SluiceError): void => {
    over ??= error;
    for (const one of pending.values()) one.reject(over);
    pending.clear();
  };
  thread.on('message', (answers: Answer[]) => {
    for (const answer of answers) settle(pending, answer);
    // An open store alone keeps no process alive; an answer that somebody waits for does.
    if (pending.size === 0) thread.unref();
  });
  thread.on('error', (fault) => fail(storeError(fault, `the store ${path} failed`)));
  thread.on('exit', () => fail(new SluiceError('STORE', `the store ${path} is closed`)));
  thread.unref();

  const tell = (ask: Ask): void => {
    outbox.push(ask);
    if (outbox.length > 1) return;
    // One message for all that this turn asks: a message costs more than a change in a group.
    queueMicrotask(() => {
      thread.postMessage(outbox);
      outbox = [];
    });
  };
  const ask = (make: (id: number) => Ask): Promise<Value> => {
    if (over) return Promise.reject(over);
    return new Promise((resolved, rejected) => {
      ids += 1;
      pending.set(ids, { resolve: resolved, reject: rejected });
      if (pending.size === 1) thread.ref();
      tell(make(ids));
    });
  };
  return {
    beats,
    ask,
    tell,
    async close() {
      // A thread that has failed has ended: there is nothing left to write back.
      if (over) return await ended;
      const answered = ask((id) => ({ kind: 'close', id }));
      over ??= new SluiceError('STORE', `the store ${path} is closed`);
      await answered;
      thread.ref();
      await ended;
    },
  };
}

function settle(pending: Map<number, Pending>, answer: Answer): void {
  const one = pending.get(answer.id);
  pending.delete(answer.id);
  if ('value' in answer) one?.resolve(answer.value);
  else {
    const { code, message, hint } = answer.fault;
    one?.reject(new SluiceError(code, message, hint === undefined ? {} : { hint }));
  }
}
