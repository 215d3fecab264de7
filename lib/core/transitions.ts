/** Every conditional change of the protocol, each clause named: conditions are spelled here, and those of rounds beside it. */
import {
  type Change,
  type Clause,
  RECORD_VERSION,
  type StoredRecord,
  type Value,
} from './change.ts';
import { CHUNKS_PER_TALLY } from './keys.ts';

export type Stop = 'pause' | 'cancel' | 'threshold' | 'broken';
export type End = 'done' | 'cancelled' | 'stopped' | 'failed';
export type BatchStatus = 'running' | 'ending' | End;

/** `threshold` and `broken` are cancels with another name. */
export const isCancel = (halt: Value | undefined): boolean =>
  halt !== undefined && halt !== 'none' && halt !== 'pause';
export const hasEnded = (status: Value | undefined): boolean =>
  status !== undefined && status !== 'running' && status !== 'ending';

/** How a batch ends, by the stop and the input fault that were frozen when it began to end. */
export function endOf(stop: Value | undefined, fault: Value | undefined): End {
  if (stop === 'cancel') return 'cancelled';
  if (stop === 'threshold') return 'stopped';
  if (stop === 'broken' || fault !== undefined) return 'failed';
  return 'done';
}

const notHalted: Clause = ['absent', 'halt'];
const notCancelled: Clause = ['any', notHalted, ['=', 'halt', 'pause']];
const statusIs = (status: BatchStatus, round: number): Clause[] => [
  ['=', 'status', status],
  ['=', 'round', round],
];
const mine = (epoch: number): Clause => ['=', 'epoch', epoch];

/** Start, plan: never overwrites, since that would reset an epoch or a cursor. */
export const putIfAbsent = (record: StoredRecord): Change => ({
  when: [['absent', 'v']],
  set: { v: RECORD_VERSION, ...record },
});

/** @param stages how many the round has: whoever settles one of several has to look at all of them */
export const newStage = (stages = 1): StoredRecord => ({
  ...{ cur: '', planned: 0, rel: 0, haltVer: 0, low: 0 },
  ...(stages === 1 ? {} : { stages }),
});

export const newChunk = (range: StoredRecord): StoredRecord => {
  return { ...range, epoch: 0, attempts: 0, lease: 0, cursor: 0, resumeAt: 0, sentAt: 0 };
};

/** Plan step 3: the chunks before `to` have their records. Allowed while paused, never after a cancel. */
export const advancePlan = (from: string, to: string, planned: number): Change => ({
  when: [['=', 'cur', from], notCancelled, ['absent', 'sealed']],
  set: { cur: to, planned },
});

/** Plan step 4: no chunk will follow. A fault of the input is recorded in the same change. */
export const seal = (cur: string, planned: number, facts: StoredRecord): Change => ({
  when: [['=', 'cur', cur], ['absent', 'sealed'], notHalted],
  set: { sealed: planned, ...facts },
});

/** Settle step 3: chunks old..to-1 may be sent; freezing `rel` on a halt is what makes a cancel end. */
export const release = (old: number, to: number, low: StoredRecord): Change => ({
  when: [['=', 'rel', old], notHalted],
  set: { rel: to, ...low },
});

export interface ClaimOptions {
  owner: string;
  now: number;
  lease: number;
  /** The stage was cancelled: a deferred chunk need not wait. */
  cancelled: boolean;
  /** The owner found in the record, proved dead on this host. */
  deadOwner: string | undefined;
}

/** Work step 2. `owner` = me is for a lost answer; the lease keeps a live attempt from being claimed over. */
export const claim = ({ owner, now, lease, cancelled, deadOwner }: ClaimOptions): Change => ({
  when: [
    [
      'any',
      ['<', 'lease', now],
      ['=', 'owner', owner],
      ...(deadOwner === undefined ? [] : [['=', 'owner', deadOwner] as const]),
    ],
    ...(cancelled ? [] : [['<=', 'resumeAt', now] as const]),
  ],
  add: { epoch: 1, attempts: 1 },
  set: { lease, owner },
});

/** Local leases: `owner` keeps a late renewal from restoring the lease of a chunk just handed back. */
export const renew = (epoch: number, owner: string, lease: number): Change => ({
  when: [mine(epoch), ['=', 'owner', owner]],
  set: { lease },
});

export const markName = (chunk: number): string => `m${chunk % CHUNKS_PER_TALLY}`;
export const fenceName = (chunk: number): string => `f${chunk % CHUNKS_PER_TALLY}`;

/** Work step 3, epoch > 1 only: from now on an older attempt cannot commit. */
export const fence = (chunk: number, epoch: number): Change => ({
  when: [
    ['absent', markName(chunk)],
    ['any', ['absent', fenceName(chunk)], ['<=', fenceName(chunk), epoch]],
  ],
  set: { [fenceName(chunk)]: epoch },
});

/** Work step 4, careful mode: an item is named, by its position in the chunk, before it starts. */
export const name = (epoch: number, position: number, starts: number): Change => ({
  when: [mine(epoch)],
  set: { named: position, starts },
});

export interface SaveOptions {
  epoch: number;
  cursor: number;
  /** The object with the rows before the cursor; undefined while there are none. */
  part: string | undefined;
  /** The cursor moved, or this is a hand-back: earlier deaths no longer count. */
  progress: boolean;
  /** Gives the chunk back; it may be claimed again from `resumeAt` on. */
  handBack?: { resumeAt: number } | undefined;
  /** Careful mode: names an item in the same change, as a save and a naming with nothing between. */
  named?: { at: number; starts: number } | undefined;
  /** Number of this save of the chunk. */
  saves: number;
}

/**
 * Work step 6: the cursor, after the saved object it points to is stored. Never back: a late save's rows may be gone,
 * and where only polls were added the cursor is the same, so that saves are numbered.
 */
export const save = (options: SaveOptions): Change => ({
  when: [mine(options.epoch), ['any', ['absent', 'saves'], ['<=', 'saves', options.saves]]],
  set: {
    cursor: options.cursor,
    saves: options.saves,
    ...(options.part === undefined ? {} : { part: options.part }),
    ...(options.progress || options.handBack ? { attempts: 0 } : {}),
    ...(options.handBack ? { lease: 0, resumeAt: options.handBack.resumeAt } : {}),
    ...(options.named ? { named: options.named.at, starts: options.named.starts } : {}),
  },
  remove: [...(options.named ? [] : ['named', 'starts']), ...(options.handBack ? ['owner'] : [])],
});

/** Work step 7: the mark's value, the epoch, is the only pointer to the committed part. */
export const commit = (
  chunk: number,
  epoch: number,
  counts: Readonly<Record<string, number>>,
): Change => ({
  when: [
    ['absent', markName(chunk)],
    ['any', ['absent', fenceName(chunk)], ['=', fenceName(chunk), epoch]],
  ],
  set: { [markName(chunk)]: epoch },
  add: { n: 1, ...counts },
});

/** Pause, cancel, threshold, broken. A cancel may follow a pause; nothing follows a cancel. */
export const setStop = (round: number, stop: Stop, reason: string): Change => ({
  when: [...statusIs('running', round), ['any', ['=', 'stop', 'none'], ['=', 'stop', 'pause']]],
  set: { stop, reason },
  add: { ver: 1 },
});

/** A worker with other code than the batch's pauses it; `digest` = what it read guards against a resume since. */
export const pauseForCode = (round: number, digest: string, reason: string): Change => ({
  when: [...statusIs('running', round), ['=', 'stop', 'none'], ['=', 'digest', digest]],
  set: { stop: 'pause', reason },
  add: { ver: 1 },
});

/** Resume: clears a pause; a changed job's digest is accepted in the same change. */
export const clearStop = (round: number, digest: string): Change => ({
  when: [...statusIs('running', round), ['any', ['=', 'stop', 'none'], ['=', 'stop', 'pause']]],
  set: { stop: 'none', digest },
  add: { ver: 1 },
  remove: ['reason'],
});

/** Copies B's stop to a stage; `haltVer` keeps a slow copier from writing an old pause over a resume. */
export const copyHalt = (stop: Value, ver: number): Change =>
  stop === 'none'
    ? { when: [['<', 'haltVer', ver]], set: { haltVer: ver }, remove: ['halt'] }
    : { when: [['<', 'haltVer', ver]], set: { haltVer: ver, halt: stop } };

/** Sweep (c): only one sweeper re-sends, and never a chunk that was claimed since it looked. */
export const markSent = (old: number, epoch: number, now: number): Change => ({
  when: [['=', 'sentAt', old], mine(epoch)],
  set: { sentAt: now },
});

/** Sweep (b): the plan cursor it saw; or how many chunks were committed when it last saw a change, and when. */
export const noteSeen = (
  seen: { swept: string } | { progress: number; progressAt: number },
): Change => ({
  when: [['present', 'v']],
  set: { ...seen },
});

/** After the end: the store may drop the record from `at` on (seconds since 1970). B first, only if it has ended. */
export const expire = (at: number, ended?: { round: number; end: End }): Change => ({
  when: ended === undefined ? [] : statusIs(ended.end, ended.round),
  set: { expires: at },
});

/** Finalise: the end is one decision, frozen against a late stop by `ver`. */
export const beginEnd = (round: number, ver: number, end: End): Change => ({
  when: [...statusIs('running', round), ['=', 'ver', ver]],
  set: { status: 'ending', end },
});

/** `facts`: `resolvedAt` where a later round left no failure, `open` where its tallies cannot tell what it left. */
export const endBatch = (round: number, end: End, facts: StoredRecord = {}): Change => ({
  when: [...statusIs('ending', round)],
  set: { status: end, ...facts },
});

export const endLive = (round: number, end: End, resolvedAt?: number): Change => ({
  when: [['=', 'round', round]],
  set: { status: end, ...(resolvedAt === undefined ? {} : { resolvedAt }) },
});

/** Local: one process runs a batch, so that its caps hold across processes; the others follow it. */
export const takeRunner = (options: Omit<ClaimOptions, 'cancelled'>): Change => ({
  when: [
    [
      'any',
      ['absent', 'owner'],
      ['<', 'lease', options.now],
      ['=', 'owner', options.owner],
      ...(options.deadOwner === undefined ? [] : [['=', 'owner', options.deadOwner] as const]),
    ],
  ],
  set: { owner: options.owner, lease: options.lease },
});

export const renewRunner = (owner: string, lease: number): Change => ({
  when: [['=', 'owner', owner]],
  set: { lease },
});

export const dropRunner = (owner: string): Change => ({
  when: [['=', 'owner', owner]],
  remove: ['owner', 'lease', 'note'],
});
