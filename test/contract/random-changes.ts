import fc from 'fast-check';
import type { Change } from '../../lib/core/change.ts';
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
  fence,
  markSent,
  name,
  newChunk,
  newStage,
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

// Few values each, so that conditions hold and fail about equally often.
const small = fc.integer({ min: 0, max: 2 });
/** Full mantissas; not below 1e-130, which DynamoDB cannot keep. */
const fraction = fc.double({ min: 1e-100, max: 3, noNaN: true });
const text = fc.constantFrom('', '10', '20');
const owner = fc.constantFrom('me', 'other', 'ghost');
const deadOwner = fc.constantFrom(undefined, 'ghost');
const digest = fc.constantFrom('d1', 'd2');
const stop = fc.constantFrom('pause', 'cancel', 'threshold', 'broken');
const end = fc.constantFrom('done', 'cancelled', 'stopped', 'failed');

/** Any change of the protocol. */
export const anyChange: fc.Arbitrary<Change> = fc.oneof(
  small.map((round) =>
    putIfAbsent({ status: 'running', round, stop: 'none', ver: 0, digest: 'd1', sentAt: 0 }),
  ),
  fc.constantFrom(putIfAbsent(newStage()), putIfAbsent(newChunk({ first: 0, count: 9 }))),
  fc.tuple(text, text, small).map((args) => advancePlan(...args)),
  fc.tuple(text, small, fc.constantFrom({}, { fault: 'cut: é' })).map((args) => seal(...args)),
  fc.tuple(small, small, fc.constantFrom({}, { low: 1 })).map((args) => release(...args)),
  fc
    .record({ owner, now: small, lease: small, cancelled: fc.boolean(), deadOwner })
    .map((options) => claim(options)),
  fc.tuple(small, owner, small).map((args) => renew(...args)),
  fc.tuple(small, small).map((args) => fence(...args)),
  fc.tuple(small, small, small).map((args) => name(...args)),
  fc
    .record(
      {
        epoch: small,
        cursor: small,
        part: text,
        progress: fc.boolean(),
        handBack: fc.record({ resumeAt: fc.oneof(small, fraction) }),
        named: fc.record({ at: small, starts: small }),
        saves: small,
      },
      { requiredKeys: ['epoch', 'cursor', 'part', 'progress', 'saves'] },
    )
    .map((options) => save(options)),
  fc
    .tuple(small, small, fc.constantFrom({ ok: 1 }, { ok: 2, failed: 1 }))
    .map((args) => commit(...args)),
  fc.tuple(small, stop, text).map((args) => setStop(...args)),
  fc.tuple(small, digest, text).map((args) => pauseForCode(...args)),
  fc.tuple(small, digest).map((args) => clearStop(...args)),
  fc.tuple(fc.oneof(stop, fc.constant('none')), small).map((args) => copyHalt(...args)),
  fc.tuple(small, small, small).map((args) => markSent(...args)),
  text.map((cur) => noteSeen({ swept: cur })),
  fc.tuple(small, small, end).map((args) => beginEnd(...args)),
  fc.tuple(small, end).map((args) => endBatch(...args)),
  fc.tuple(small, end).map((args) => endLive(...args)),
  fc.record({ owner, now: small, lease: small, deadOwner }).map((options) => takeRunner(options)),
  fc.tuple(owner, small).map((args) => renewRunner(...args)),
  owner.map((one) => dropRunner(one)),
);
