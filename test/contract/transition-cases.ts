import type { Change, StoredRecord } from '../../lib/core/change.ts';
import { addSlots, leaseSlots } from '../../lib/core/quota-transitions.ts';
import { forgetEntry, keepOn, listRound, startRound } from '../../lib/core/round-transitions.ts';
import { noteRunner, queueEntry, unqueueEntry } from '../../lib/core/runner-transitions.ts';
import {
  advancePlan,
  beginEnd,
  claim,
  clearStop,
  commit,
  copyHalt,
  dropRunner,
  endBatch,
  endLive,
  expire,
  fence,
  markSent,
  name,
  newChunk,
  noteSeen,
  pauseForCode,
  putIfAbsent,
  release,
  renew,
  renewRunner,
  save,
  seal,
  setStop,
  takeRunner,
} from '../../lib/core/transitions.ts';

/** One change, judged both ways. */
export interface TransitionCase {
  of: string;
  change: Change;
  /** A record to which it applies, and the record after it. */
  before: StoredRecord | undefined;
  after: StoredRecord;
  /** Other records to which it applies: the further ways to hold an 'any' clause. */
  applies?: StoredRecord[];
  /** For each clause, in order, a record that this clause alone refuses. */
  refused: (StoredRecord | undefined)[];
  /** More records that are refused. */
  alsoRefused?: StoredRecord[];
}

const planned = { cur: '10', planned: 1 };
const sealing = { cur: '20', planned: 2 };
const running = { status: 'running', round: 0, stop: 'none', ver: 1, digest: 'd1' };
const claiming = { owner: 'me', now: 100, lease: 130 };
const chunk = { epoch: 2, attempts: 1, lease: 99, owner: 'other', resumeAt: 100 };
const claimed = { ...chunk, epoch: 3, attempts: 2, lease: 130, owner: 'me' };
const mine = { epoch: 3, attempts: 2, lease: 130, owner: 'me', cursor: 4, named: 4, starts: 2 };
const saved = { epoch: 3, cursor: 5, part: 'p', saves: 4 };

const planning: TransitionCase[] = [
  {
    of: 'putIfAbsent',
    change: putIfAbsent({ status: 'running', round: 0 }),
    before: undefined,
    after: { v: 1, status: 'running', round: 0 },
    refused: [{ v: 1 }],
    alsoRefused: [{ v: 2, status: 'done', round: 3 }],
  },
  {
    of: 'advancePlan',
    change: advancePlan('10', '20', 2),
    before: planned,
    after: sealing,
    applies: [{ ...planned, halt: 'pause' }],
    refused: [
      { ...planned, cur: '11' },
      { ...planned, halt: 'cancel' },
      { ...planned, sealed: 1 },
    ],
    alsoRefused: [{ ...planned, halt: 'threshold' }, { ...planned, halt: 'broken' }, {}],
  },
  {
    of: 'seal',
    change: seal('20', 2, { fault: 'cut' }),
    before: sealing,
    after: { ...sealing, sealed: 2, fault: 'cut' },
    refused: [planned, { ...sealing, sealed: 2 }, { ...sealing, halt: 'pause' }],
    alsoRefused: [
      { ...sealing, sealed: 0 },
      { ...sealing, halt: 'cancel' },
    ],
  },
  {
    of: 'release',
    change: release(0, 4, { low: 1 }),
    before: { rel: 0, low: 0 },
    after: { rel: 4, low: 1 },
    refused: [{ rel: 1 }, { rel: 0, halt: 'pause' }],
    alsoRefused: [{ rel: 4 }, { rel: 0, halt: 'cancel' }],
  },
  {
    of: 'noteSeen',
    change: noteSeen({ swept: '10' }),
    before: { v: 1, swept: '' },
    after: { v: 1, swept: '10' },
    refused: [undefined],
    alsoRefused: [{ cur: '10' }],
  },
  {
    of: 'noteSeen',
    change: noteSeen({ progress: 7, progressAt: 1000 }),
    before: { v: 1, progress: 5, progressAt: 900 },
    after: { v: 1, progress: 7, progressAt: 1000 },
    applies: [{ v: 1 }],
    refused: [undefined],
  },
  {
    of: 'expire',
    change: expire(99, { round: 0, end: 'done' }),
    before: { v: 1, status: 'done', round: 0 },
    after: { v: 1, status: 'done', round: 0, expires: 99 },
    refused: [
      { v: 1, status: 'running', round: 0 },
      { v: 1, status: 'done', round: 1 },
    ],
    alsoRefused: [{ v: 1, status: 'ending', round: 0 }],
  },
  {
    of: 'expire',
    change: expire(99),
    before: { m0: 1, n: 1 },
    after: { m0: 1, n: 1, expires: 99 },
    refused: [],
  },
];

const working: TransitionCase[] = [
  {
    of: 'claim',
    change: claim({ ...claiming, cancelled: false, deadOwner: 'ghost' }),
    before: chunk,
    after: claimed,
    applies: [
      { ...chunk, lease: 500, owner: 'me' },
      { ...chunk, lease: 500, owner: 'ghost' },
      newChunk({ first: 0 }),
    ],
    refused: [
      { ...chunk, lease: 100 },
      { ...chunk, resumeAt: 101 },
    ],
    alsoRefused: [{ ...chunk, lease: 500 }],
  },
  {
    of: 'claim',
    change: claim({ ...claiming, cancelled: true, deadOwner: undefined }),
    before: { ...chunk, resumeAt: 999 },
    after: { ...claimed, resumeAt: 999 },
    refused: [{ ...chunk, lease: 500, owner: 'ghost' }],
  },
  {
    of: 'renew',
    change: renew(3, 'me', 160),
    before: mine,
    after: { ...mine, lease: 160 },
    refused: [
      { ...mine, epoch: 4 },
      { ...mine, owner: 'other' },
    ],
    alsoRefused: [
      { epoch: 3, lease: 0 },
      { ...mine, epoch: 2 },
    ],
  },
  {
    of: 'fence',
    change: fence(107, 3),
    before: { n: 1, m1: 1 },
    after: { n: 1, m1: 1, f7: 3 },
    applies: [{ f7: 2 }, { f7: 3 }, { m107: 1 }],
    refused: [{ m7: 1 }, { f7: 4 }],
    alsoRefused: [{ m7: 3, f7: 3 }],
  },
  {
    of: 'name',
    change: name(3, 5, 1),
    before: { epoch: 3, attempts: 2 },
    after: { epoch: 3, attempts: 2, named: 5, starts: 1 },
    refused: [{ epoch: 4, attempts: 2 }],
  },
  {
    of: 'save',
    change: save({ ...saved, progress: false }),
    before: mine,
    applies: [
      { ...mine, cursor: 5 },
      { ...mine, saves: 4 },
      { ...mine, saves: 3, cursor: 5 },
    ],
    after: { epoch: 3, attempts: 2, lease: 130, owner: 'me', cursor: 5, saves: 4, part: 'p' },
    refused: [
      { ...mine, epoch: 4 },
      { ...mine, saves: 5 },
    ],
    alsoRefused: [{ ...mine, epoch: 2 }],
  },
  {
    of: 'save',
    change: save({ ...saved, progress: true, named: { at: 7, starts: 2 } }),
    before: mine,
    after: { ...mine, attempts: 0, cursor: 5, saves: 4, part: 'p', named: 7, starts: 2 },
    refused: [
      { ...mine, epoch: 4 },
      { ...mine, saves: 5 },
    ],
  },
  {
    of: 'save',
    change: save({ ...saved, progress: false, handBack: { resumeAt: 777 } }),
    before: mine,
    after: { epoch: 3, attempts: 0, lease: 0, resumeAt: 777, cursor: 5, saves: 4, part: 'p' },
    refused: [
      { ...mine, epoch: 4 },
      { ...mine, saves: 5 },
    ],
  },
  {
    of: 'commit',
    change: commit(107, 3, { ok: 5, failed: 1 }),
    before: { n: 1, m1: 1, ok: 2 },
    after: { n: 2, m1: 1, ok: 7, failed: 1, m7: 3 },
    applies: [{ f7: 3 }, { m8: 1, f8: 9 }],
    refused: [{ m7: 3 }, { f7: 4 }],
    alsoRefused: [{ m7: 2 }, { f7: 2 }],
  },
  {
    of: 'markSent',
    change: markSent(0, 3, 100),
    before: { sentAt: 0, epoch: 3 },
    after: { sentAt: 100, epoch: 3 },
    refused: [
      { sentAt: 1, epoch: 3 },
      { sentAt: 0, epoch: 4 },
    ],
  },
];

const stopping: TransitionCase[] = [
  {
    of: 'setStop',
    change: setStop(0, 'cancel', 'by hand'),
    before: running,
    after: { ...running, stop: 'cancel', reason: 'by hand', ver: 2 },
    applies: [{ ...running, stop: 'pause', reason: 'changed' }],
    refused: [
      { ...running, status: 'ending' },
      { ...running, round: 1 },
      { ...running, stop: 'cancel' },
    ],
    alsoRefused: [
      { ...running, stop: 'threshold' },
      { ...running, stop: 'broken' },
    ],
  },
  {
    of: 'pauseForCode',
    change: pauseForCode(0, 'd1', 'changed'),
    before: running,
    after: { ...running, stop: 'pause', reason: 'changed', ver: 2 },
    refused: [
      { ...running, status: 'done' },
      { ...running, round: 1 },
      { ...running, stop: 'pause' },
      { ...running, digest: 'd2' },
    ],
  },
  {
    of: 'clearStop',
    change: clearStop(0, 'd2'),
    before: { ...running, stop: 'pause', reason: 'changed' },
    after: { ...running, stop: 'none', digest: 'd2', ver: 2 },
    applies: [running],
    refused: [
      { ...running, status: 'ending' },
      { ...running, round: 1 },
      { ...running, stop: 'cancel' },
    ],
  },
  {
    of: 'copyHalt',
    change: copyHalt('none', 3),
    before: { haltVer: 2, halt: 'pause' },
    after: { haltVer: 3 },
    refused: [{ haltVer: 3, halt: 'pause' }],
    alsoRefused: [{ halt: 'pause' }],
  },
  {
    of: 'copyHalt',
    change: copyHalt('cancel', 3),
    before: { haltVer: 2, halt: 'pause' },
    after: { haltVer: 3, halt: 'cancel' },
    refused: [{ haltVer: 4 }],
  },
];

const ending: TransitionCase[] = [
  {
    of: 'beginEnd',
    change: beginEnd(0, 1, 'done'),
    before: running,
    after: { ...running, status: 'ending', end: 'done' },
    refused: [
      { ...running, status: 'ending' },
      { ...running, round: 1 },
      { ...running, ver: 2 },
    ],
  },
  {
    of: 'endBatch',
    change: endBatch(0, 'done'),
    before: { ...running, status: 'ending' },
    after: { ...running, status: 'done' },
    refused: [running, { ...running, status: 'ending', round: 1 }],
    alsoRefused: [{ ...running, status: 'done' }],
  },
  {
    of: 'endBatch',
    change: endBatch(1, 'done', { resolvedAt: 77 }),
    before: { ...running, status: 'ending', round: 1 },
    after: { ...running, status: 'done', round: 1, resolvedAt: 77 },
    refused: [
      { ...running, round: 1 },
      { ...running, status: 'ending', round: 2 },
    ],
  },
  {
    of: 'endLive',
    change: endLive(0, 'failed'),
    before: { round: 0, status: 'running' },
    after: { round: 0, status: 'failed' },
    refused: [{ round: 1, status: 'running' }],
  },
];

const ended = { status: 'done', end: 'done', round: 0, stop: 'cancel', reason: 'why', ver: 4 };

const retrying: TransitionCase[] = [
  {
    of: 'keepOn',
    change: keepOn(),
    before: { m1: 1, expires: 99 },
    after: { m1: 1 },
    refused: [{ m1: 1 }],
  },
  {
    of: 'listRound',
    change: listRound(2),
    before: { round: 1, status: 'done', resolvedAt: 5, forgotten: 1, expires: 9 },
    after: { round: 2, status: 'running' },
    refused: [{ round: 2, status: 'done' }],
    alsoRefused: [{ round: 3, status: 'running' }, {}],
  },
  {
    of: 'startRound',
    change: startRound(1, { filter: 'f', digest: 'd2', roundAt: 50 }),
    before: { ...ended, digest: 'd1', resolvedAt: 5, expires: 99 },
    after: {
      ...{ status: 'running', round: 1, stop: 'none', ver: 5 },
      ...{ filter: 'f', digest: 'd2', roundAt: 50 },
    },
    applies: [
      { ...ended, status: 'cancelled' },
      { ...ended, status: 'stopped' },
      { ...ended, status: 'failed' },
    ],
    refused: [
      { ...ended, round: 1 },
      { ...ended, status: 'ending' },
    ],
    alsoRefused: [{ ...ended, status: 'running' }],
  },
  {
    of: 'forgetEntry',
    change: forgetEntry(1, 100, 7),
    before: { round: 1, status: 'done', resolvedAt: 100 },
    after: { round: 1, status: 'done', resolvedAt: 100, forgotten: 1, expires: 7 },
    refused: [
      { round: 2, status: 'done', resolvedAt: 100 },
      { round: 1, status: 'done', resolvedAt: 101 },
    ],
    alsoRefused: [{ round: 1, status: 'running' }],
  },
];

const hosting: TransitionCase[] = [
  {
    of: 'takeRunner',
    change: takeRunner({ ...claiming, deadOwner: 'ghost' }),
    before: { v: 1 },
    after: { v: 1, owner: 'me', lease: 130 },
    applies: [
      { owner: 'other', lease: 99 },
      { owner: 'me', lease: 500 },
      { owner: 'ghost', lease: 500 },
    ],
    refused: [{ owner: 'other', lease: 100 }],
  },
  {
    of: 'renewRunner',
    change: renewRunner('me', 160),
    before: { owner: 'me', lease: 130 },
    after: { owner: 'me', lease: 160 },
    refused: [{ owner: 'other', lease: 130 }],
    alsoRefused: [{ lease: 130 }],
  },
  {
    of: 'dropRunner',
    change: dropRunner('me'),
    before: { v: 1, owner: 'me', lease: 130, note: '{}' },
    after: { v: 1 },
    refused: [{ v: 1, owner: 'other', lease: 130 }],
  },
  {
    of: 'noteRunner',
    change: noteRunner('me', '{"at":2}'),
    before: { owner: 'me', lease: 130, note: '{"at":1}' },
    after: { owner: 'me', lease: 130, note: '{"at":2}' },
    refused: [{ owner: 'other', lease: 130 }],
    alsoRefused: [{ lease: 130 }],
  },
  {
    of: 'queueEntry',
    change: queueEntry(5, '{}'),
    before: { v: 1, status: 'running' },
    after: { v: 1, status: 'running', serve: 5, how: '{}' },
    refused: [{ status: 'running' }],
  },
  {
    of: 'unqueueEntry',
    change: unqueueEntry(),
    before: { v: 1, serve: 5, how: '{}' },
    after: { v: 1 },
    refused: [{ v: 1, how: '{}' }],
  },
];

const slots = { v: 1, ver: 4, spec: '9/60000', gap: 7, next: 100, expires: 5 };
const quotas: TransitionCase[] = [
  {
    of: 'leaseSlots',
    change: leaseSlots(undefined, { spec: '9/60000', gap: 7, next: 107 }),
    before: undefined,
    after: { v: 1, ver: 1, spec: '9/60000', gap: 7, next: 107 },
    refused: [slots],
  },
  {
    of: 'leaseSlots',
    change: leaseSlots(4, { spec: '9/60000', gap: 7, next: 107 }),
    before: slots,
    after: { ...slots, ver: 5, next: 107 },
    refused: [{ ...slots, ver: 5 }],
    alsoRefused: [{ ...slots, ver: 3 }],
  },
  {
    of: 'addSlots',
    change: addSlots({ spec: '9/60000', gap: 7 }, { us: 14, lastUs: 100, expires: 9 }),
    before: slots,
    after: { ...slots, ver: 5, next: 114, expires: 9 },
    refused: [
      { ...slots, spec: '8/60000' },
      { ...slots, gap: 8 },
      { ...slots, next: 101 },
    ],
    alsoRefused: [{}],
  },
];

export const TRANSITION_CASES: readonly TransitionCase[] = [
  ...planning,
  ...working,
  ...stopping,
  ...ending,
  ...retrying,
  ...hosting,
  ...quotas,
];
