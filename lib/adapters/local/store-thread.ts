/**
 * The database's own thread. Three reasons:
 * - group commit: what arrived while the last fsync ran goes into the next transaction, at most 100 changes,
 *   each condition judged in order; one refusal fails alone, nobody is answered before the group's fsync;
 * - the main event loop never waits for SQLite's lock (such a wait stopped timers for 5 s when measured);
 * - leases are renewed, and an endless loop is noticed, by a thread that item code cannot block.
 * Started from dist/: Node 20 cannot start a thread from a .ts file.
 */
import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import type { RecordKey } from '../../core/change.ts';
import type { SluiceError } from '../../core/errors.ts';
import { renew, renewRunner } from '../../core/transitions.ts';
import { storeError } from './store-error.ts';
import { busyError, isBusy, isChange, openStoreFile, type StoreFile } from './store-file.ts';
import {
  type Answer,
  type Ask,
  HOLD_REFUSED,
  HOLD_RENEWED,
  HOLD_UNTIL,
  LEASE_MS,
  type Lease,
  RENEW_MS,
  type StoreAsk,
  type ThreadData,
} from './store-wire.ts';

const GROUP_CHANGES = 100;
const TICK_MS = 1000;
/** Ids of our own renewals: main's count up from 1. */
const RENEWAL_ID = 0;

interface Hold {
  key: RecordKey;
  lease: Lease;
  state: BigInt64Array;
  /** By performance.now(), which no clock change moves. */
  renewAt: number;
  asked: boolean;
}

interface Renewal {
  kind: 'renewal';
  hold: Hold;
}

const port = parentPort;
if (!port) throw new Error('store-thread must be started as a thread');
const { file, beats, busyLimitMs } = workerData as ThreadData;

const inbox: (StoreAsk | Renewal | Extract<Ask, { kind: 'close' }>)[] = [];
const holds = new Map<string, Hold>();
const holdName = (key: RecordKey): string => JSON.stringify([key.batch, key.sort]);
let store: StoreFile | undefined;
let scheduled = false;
let busySince: number | undefined;
const watch = { maxSilenceMs: 0, lastBeat: 0, silentTicks: 0, lastTick: performance.now() };

port.on('message', (asks: Ask[]) => {
  for (const ask of asks) take(ask);
  schedule();
});

function take(ask: Ask): void {
  switch (ask.kind) {
    case 'hold':
      holds.set(holdName(ask.key), {
        ...ask,
        renewAt: performance.now() + RENEW_MS,
        asked: false,
      });
      break;
    case 'drop':
      // A renewal already asked for comes before any later change of that record: the order stays main's.
      holds.delete(holdName(ask.key));
      break;
    case 'watch':
      watch.maxSilenceMs = ask.maxSilenceMs;
      watch.silentTicks = 0;
      break;
    default:
      inbox.push(ask);
  }
}

/** By setImmediate: all messages that have arrived are taken first, and so form one group. */
function schedule(): void {
  if (scheduled || inbox.length === 0) return;
  scheduled = true;
  setImmediate(work);
}

function work(): void {
  scheduled = false;
  const group = nextGroup();
  const answers = answerGroup(group);
  if (answers === undefined) {
    // 1 to 5 ms, apart for each process: no two keep step.
    scheduled = true;
    setTimeout(work, 1 + (performance.now() % 4));
    return;
  }
  inbox.splice(0, group.length);
  if (answers.length > 0) port?.postMessage(answers);
  if (inbox[0]?.kind === 'close') end(inbox[0].id);
  else schedule();
}

function nextGroup(): (StoreAsk | Renewal)[] {
  const group: (StoreAsk | Renewal)[] = [];
  let changes = 0;
  for (const ask of inbox) {
    if (ask.kind === 'close') break;
    if (ask.kind === 'renewal' || isChange(ask)) changes += 1;
    if (changes > GROUP_CHANGES) break;
    group.push(ask);
  }
  return group;
}

/** Undefined: the file is busy, try the same group again (nothing of it happened). */
function answerGroup(group: readonly (StoreAsk | Renewal)[]): Answer[] | undefined {
  const now = Date.now();
  const asks = group.map((ask) => (ask.kind === 'renewal' ? renewalAsk(ask.hold, now) : ask));
  try {
    store ??= openStoreFile(file);
    const answers = store.handle(asks);
    busySince = undefined;
    return answers.filter((answer, i) => {
      const ask = group[i];
      if (ask?.kind === 'renewal') noteRenewal(ask.hold, answer, now);
      return ask?.kind !== 'renewal';
    });
  } catch (fault) {
    if (isBusy(fault)) {
      busySince ??= performance.now();
      if (performance.now() - busySince < busyLimitMs) return undefined;
    }
    busySince = undefined;
    return refuseGroup(
      group,
      isBusy(fault) ? busyError(file, busyLimitMs) : storeError(fault, `the store ${file} failed`),
    );
  }
}

function refuseGroup(group: readonly (StoreAsk | Renewal)[], error: SluiceError): Answer[] {
  const { code, message, hint } = error;
  return group.flatMap((ask) => {
    if (ask.kind !== 'renewal') return [{ id: ask.id, fault: { code, message, hint } }];
    ask.hold.asked = false;
    return [];
  });
}

function renewalAsk({ key, lease }: Hold, now: number): StoreAsk {
  const until = now + LEASE_MS;
  const change =
    lease.kind === 'chunk'
      ? renew(lease.epoch, lease.owner, until)
      : renewRunner(lease.owner, until);
  return { kind: 'change', id: RENEWAL_ID, key, change };
}

function noteRenewal(hold: Hold, answer: Answer, now: number): void {
  hold.asked = false;
  if (!('value' in answer)) return;
  if (answer.value === undefined) {
    Atomics.store(hold.state, HOLD_REFUSED, 1n);
    if (holds.get(holdName(hold.key)) === hold) holds.delete(holdName(hold.key));
    return;
  }
  Atomics.store(hold.state, HOLD_UNTIL, BigInt(now + LEASE_MS));
  Atomics.store(hold.state, HOLD_RENEWED, BigInt(now));
  hold.renewAt = performance.now() + RENEW_MS;
}

function end(id: number): void {
  clearInterval(ticker);
  let answer: Answer = { id, value: undefined };
  try {
    store?.close();
  } catch (fault) {
    // Busy: another process is at it, and its own close will write the log back.
    const { code, message, hint } = storeError(fault, `cannot close the store ${file}`);
    if (!isBusy(fault)) answer = { id, fault: { code, message, hint } };
  }
  port?.postMessage([answer]);
  port?.close();
}

const ticker = setInterval(() => {
  const now = performance.now();
  for (const hold of holds.values()) {
    if (hold.asked || hold.renewAt > now) continue;
    hold.asked = true;
    inbox.push({ kind: 'renewal', hold });
  }
  schedule();
  lookAtMain(now);
}, TICK_MS);

/** Counts only seconds that this thread saw pass one by one: a suspended process is not a blocked one. */
function lookAtMain(now: number): void {
  const beat = Atomics.load(beats, 0);
  const spent = now - watch.lastTick;
  watch.lastTick = now;
  if (beat !== watch.lastBeat) {
    watch.lastBeat = beat;
    watch.silentTicks = 0;
  } else if (spent < 2 * TICK_MS) watch.silentTicks += 1;
  const silentMs = watch.silentTicks * TICK_MS;
  if (watch.maxSilenceMs === 0 || silentMs < watch.maxSilenceMs) return;
  const seconds = Math.round(silentMs / 1000);
  const line =
    `sluice: the job blocked the process for ${seconds} s (an endless loop?); ` +
    "ending it; 'sluice resume' goes on carefully\n";
  try {
    // The main thread's stream would never be written: main is blocked.
    writeSync(2, line);
  } catch {
    // Nobody reads it: the process ends all the same.
  }
  process.kill(process.pid, 'SIGKILL');
}
