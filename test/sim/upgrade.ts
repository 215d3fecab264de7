import { parseInbox } from '../../lib/app/aws/inbox-event.ts';
import { RECORD_VERSION, type StoredRecord } from '../../lib/core/change.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import type { CheckpointStore } from '../../lib/ports/checkpoint-store.ts';
import { parseInbox as parseInboxOfNext } from './next-inbox.ts';

import type { Truth } from './truth.ts';

/** A newer Sluice is deployed in the middle: the functions change one after another, and may change back for a while. */
export interface Upgrade {
  /** Virtual ms; below 0 it is under way at the start. */
  at: number;
  /** Longest that a function waits for its own change; with `rollsBack` also how long the first try stays. */
  withinMs: number;
  /** The first deployment fails: all functions go back to the older version, and later forward again. */
  rollsBack: boolean;
}

/** From a source of its own: worlds without one stay what they were. */
export function drawUpgrade(seed: number): Upgrade | undefined {
  const random = seededRandom(`sluice sim upgrade ${seed}`);
  if (random() >= 0.25) return undefined;
  const withinMs = 1_000 + Math.floor(random() * (random() < 0.5 ? 60_000 : 600_000));
  // Under way at the start in half of them, so that the newer version may make the batch itself.
  const at = Math.floor(random() < 0.6 ? -random() * withinMs : random() * 60_000);
  return { at, withinMs, rollsBack: random() < 0.3 };
}

/** Version of Sluice that a process runs; messages and records that it makes carry it. */
export type SluiceVersion = 1 | 2;

/** What runs under this name (a function, a person's machine) at this time. */
export function versionAt(
  { upgrade, seed }: { upgrade: Upgrade | undefined; seed: number },
  name: string,
  now: number,
): SluiceVersion {
  if (upgrade === undefined) return 1;
  const { at, withinMs, rollsBack } = upgrade;
  // Three in ten are the first to change.
  const share = Math.max(0, 1.4 * seededRandom(`sluice sim upgrade ${seed} ${name}`)() - 0.4);
  const waits = Math.floor(share * withinMs);
  const since = now - at - waits;
  if (since < 0) return 1;
  return rollsBack && since >= withinMs && since < 2 * withinMs ? 1 : 2;
}

/** The door of a function: the real one, in the next version with the message version that it would know. */
export const inboxOf = (version: SluiceVersion): typeof parseInbox =>
  version === 1 ? parseInbox : parseInboxOfNext;

const NEXT_RECORDS = RECORD_VERSION + 1;

/**
 * The store as the next version uses it: the batches that it starts have newer records, and it goes on with
 * older ones as they are. The engine in it is this one, so that newer records are shown to it as its own.
 */
export function storeOfNext(store: CheckpointStore, truth: Truth): CheckpointStore {
  const isOlderBatch = (): boolean => truth.batch()?.['v'] === RECORD_VERSION;
  const asOwn = <T extends StoredRecord | undefined>(record: T): T =>
    record?.['v'] === NEXT_RECORDS ? { ...record, v: RECORD_VERSION } : record;
  return {
    ...store,
    read: async (key) => asOwn(await store.read(key)),
    async query(batch, from, to) {
      const found = await store.query(batch, from, to);
      return found.map(({ sort, record }) => ({ sort, record: asOwn(record) }));
    },
    async change(key, change) {
      const isNew = change.set?.['v'] === RECORD_VERSION && !isOlderBatch();
      const own = isNew ? { ...change, set: { ...change.set, v: NEXT_RECORDS } } : change;
      const answer = await store.change(key, own);
      return { ...answer, record: asOwn(answer.record) };
    },
  };
}
