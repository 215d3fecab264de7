/** Conditional changes that begin a later round of a batch, and take a resolved one out of the list. */
import type { Change, StoredRecord } from './change.ts';

/** Retry: what a running batch is made of must not expire. */
export const keepOn = (): Change => ({ when: [['present', 'expires']], remove: ['expires'] });

/** Retry, before the batch record: a round that nobody lists would not be swept. */
export const listRound = (round: number): Change => ({
  when: [['<', 'round', round]],
  set: { round, status: 'running' },
  remove: ['resolvedAt', 'forgotten', 'expires'],
});

/** Retry: the next round of a batch that ended. `ver` goes on, so that no late stop or end of the last one counts. */
export const startRound = (round: number, facts: StoredRecord): Change => ({
  when: [
    ['=', 'round', round - 1],
    [
      'any',
      ['=', 'status', 'done'],
      ['=', 'status', 'cancelled'],
      ['=', 'status', 'stopped'],
      ['=', 'status', 'failed'],
    ],
  ],
  set: { ...facts, round, status: 'running', stop: 'none' },
  add: { ver: 1 },
  remove: ['end', 'reason', 'resolvedAt', 'open', 'expires'],
});

/** Purge: takes a batch without open failures out of the list, unless a retry began since. Times as their records hold them. */
export const forgetEntry = (round: number, beforeMs: number, expires: number): Change => ({
  when: [
    ['=', 'round', round],
    ['<=', 'resolvedAt', beforeMs],
  ],
  set: { forgotten: 1, expires },
});
