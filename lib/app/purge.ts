import { SluiceError } from '../core/errors.ts';
import { liveKey } from '../core/keys.ts';
import { forgetEntry } from '../core/round-transitions.ts';
import { hasEnded } from '../core/transitions.ts';
import { type Batch, type LiveEntry, listBatches, readBatch } from '../engine/batch.ts';
import type { Home } from './home.ts';
import type { Place } from './place.ts';
import { readReport } from './read-report.ts';

export interface Purged {
  batch: string;
  objects: number;
  bytes: number;
}

/**
 * Deletes all that is kept of a finished batch. Objects go first, so that what a
 * crash leaves is still listed and can be purged again. Throws `NOT_FOUND` or `STATE`.
 */
export async function purgeBatch(home: Home, id: string): Promise<Purged> {
  const batch = await readBatch(home.store, id);
  const entry = await home.store.read(liveKey(id));
  if (batch === undefined && entry === undefined) {
    throw new SluiceError('NOT_FOUND', `There is no batch ${id} in ${home.folder}.`, {
      hint: 'See: sluice list',
    });
  }
  if (batch !== undefined && !hasEnded(batch.status)) {
    throw new SluiceError('STATE', `Batch ${id} has not ended; only finished batches are purged.`, {
      hint: `End it with: sluice cancel ${id}`,
    });
  }
  const purged = { batch: id, objects: 0, bytes: 0 };
  for await (const key of home.objects.list(`batches/${id}/`)) {
    purged.bytes += (await home.objects.size(key)) ?? 0;
    purged.objects += 1;
    await home.objects.delete(key);
  }
  await home.store.forget(id);
  return purged;
}

/** Finished batches whose last item ended before `beforeMs` (milliseconds since 1970), oldest first. */
export async function finishedBefore(home: Home, beforeMs: number): Promise<string[]> {
  const found: { id: string; at: number }[] = [];
  for (const entry of await listBatches(home.store, { all: true })) {
    const batch = await readBatch(home.store, entry.id);
    // The batch's own status: a process that died at its end may have left the entry open.
    if (!hasEnded(batch?.status ?? entry.status)) continue;
    const at = await finishedAt(home, entry, batch);
    if (at < beforeMs) found.push({ id: entry.id, at });
  }
  return found.sort((a, b) => a.at - b.at).map(({ id }) => id);
}

/** The start where there is no report that could say it (a purge that did not end). */
async function finishedAt(home: Home, entry: LiveEntry, batch: Batch | undefined): Promise<number> {
  if (batch === undefined) return entry.startedAt;
  const stored = await readReport(home, batch).catch(() => undefined);
  return stored === undefined ? entry.startedAt : Date.parse(stored.report.finishedAt);
}

/**
 * Takes batches out of the list whose last failure was resolved by a later round before `beforeMs` (milliseconds since
 * 1970). Parts, reports and the batch's own record stay: by its id it is still found, verified and retried.
 * Where records expire (DynamoDB), the list entry goes soon after. Returns their ids.
 */
export async function forgetResolved(
  { store, clock }: Pick<Place, 'store' | 'clock'>,
  entries: readonly LiveEntry[],
  beforeMs: number,
): Promise<string[]> {
  const forgotten: string[] = [];
  const now = Math.floor(clock.now() / 1000);
  for (const { id, round, resolvedAt } of entries) {
    if (resolvedAt === undefined || resolvedAt > beforeMs) continue;
    const { applied } = await store.change(liveKey(id), forgetEntry(round, beforeMs, now));
    if (applied) forgotten.push(id);
  }
  return forgotten;
}
