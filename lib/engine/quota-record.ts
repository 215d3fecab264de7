import { createHash } from 'node:crypto';
import type { Change, RecordKey, StoredRecord } from '../core/change.ts';
import type { QuotaPlan } from '../core/quota.ts';
import { addSlots, leaseSlots } from '../core/quota-transitions.ts';
import { packBuckets, type QuotaState, unpackBuckets } from '../pool/quota-slots.ts';

/** The partition of all quotas: they belong to no batch. */
const QUOTAS = 'quota';
/** A record that nobody used for its longest window and this may be dropped by the store. */
const KEPT_MS = 86_400_000;

/** A key is a tenant's name or whatever a row holds: its digest is always a valid key of a record. */
export const quotaKey = (name: string, key: string): RecordKey => ({
  batch: QUOTAS,
  sort:
    key === '' ? name : `${name}/${createHash('sha256').update(key).digest('hex').slice(0, 32)}`,
});

/** A quota's record, read; all times in microseconds. */
export interface QuotaRecord {
  ver: number | undefined;
  spec: string;
  gapUs: number;
  notBeforeUs: number;
  state: QuotaState;
}

export function readQuota(record: StoredRecord | undefined, plan: QuotaPlan): QuotaRecord {
  const number = (name: string): number => (record?.[name] as number | undefined) ?? 0;
  return {
    ver: record?.['ver'] as number | undefined,
    spec: (record?.['spec'] as string | undefined) ?? plan.spec,
    gapUs: number('gap'),
    notBeforeUs: number('notBefore'),
    state: {
      nextUs: number('next'),
      used: plan.long.map(({ ms }) =>
        unpackBuckets((record?.[`u${ms}`] as string | undefined) ?? ''),
      ),
    },
  };
}

/** The plan by which to lease now: after other windows of this name were used, the wider spacing, for a window's time. */
export function planFor(plan: QuotaPlan, { gapUs, state }: QuotaRecord, nowUs: number): QuotaPlan {
  const idle = nowUs > state.nextUs + plan.shortMs * 1000 + plan.marginUs;
  return idle || gapUs <= plan.gapUs ? plan : { ...plan, gapUs };
}

export const leaseChange = (
  { ver, notBeforeUs }: QuotaRecord,
  plan: QuotaPlan,
  state: QuotaState,
): Change =>
  leaseSlots(ver, {
    spec: plan.spec,
    gap: plan.gapUs,
    next: state.nextUs,
    notBefore: notBeforeUs,
    expires: expiresAt(plan, state.nextUs),
    ...Object.fromEntries(
      plan.long.map(({ ms }, at) => [`u${ms}`, packBuckets(state.used[at] ?? [])]),
    ),
  });

/** One write that no rival refuses; undefined where it cannot be right. */
export function addChange(
  plan: QuotaPlan,
  { count, lastUs, nextUs }: { count: number; lastUs: number; nextUs: number },
): Change | undefined {
  if (plan.long.length > 0 || plan.gapUs === 0) return undefined;
  const us = count * plan.gapUs;
  const expires = expiresAt(plan, Math.max(nextUs, lastUs) + us);
  return addSlots({ spec: plan.spec, gap: plan.gapUs }, { us, lastUs, expires });
}

/** Seconds since 1970, as the store's time-to-live wants it. */
function expiresAt({ shortMs, long }: QuotaPlan, fromUs: number): number {
  const longest = Math.max(shortMs, ...long.map(({ ms }) => ms));
  return Math.ceil((fromUs / 1000 + longest + KEPT_MS) / 1000);
}
