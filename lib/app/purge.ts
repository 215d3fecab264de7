import { SluiceError } from '../core/errors.ts';
import { LIVE, liveKey } from '../core/keys.ts';
import { hasEnded } from '../core/transitions.ts';
import { type LiveEntry, listBatches, readBatch } from '../engine/batch.ts';
import type { Home } from './home.ts';
import { readReport } from './read-report.ts';

export interface Purged {
  batch: string;
  objects: number;
  bytes: number;
}

/** Attributes of a list entry; `v` is what start-batch looks at. */
const LIVE_FIELDS = ['v', 'id', 'job', 'input', 'startedAt', 'round', 'status'];

/** The batches of a home; what purging left of an entry is none. */
export async function presentBatches(home: Home): Promise<LiveEntry[]> {
  return (await listBatches(home.store)).filter(({ id }) => id !== undefined);
}

/**
 * Deletes all that is kept of a finished batch. Objects go first and the list entry last, so that what a
 * crash leaves is still listed and can be purged again. Throws `NOT_FOUND` or `STATE`.
 */
export async function purgeBatch(home: Home, id: string): Promise<Purged> {
  const batch = await readBatch(home.store, id);
  const entry = await home.store.read(liveKey(id));
  if (batch === undefined && entry?.['id'] === undefined) {
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
  await home.store.change(
    { batch: LIVE, sort: id },
    { when: [['present', 'id']], remove: LIVE_FIELDS },
  );
  return purged;
}

/** Finished batches whose last item ended before `beforeMs` (milliseconds since 1970), oldest first. */
export async function finishedBefore(home: Home, beforeMs: number): Promise<string[]> {
  const found: { id: string; at: number }[] = [];
  for (const entry of await presentBatches(home)) {
    if (!hasEnded(entry.status)) continue;
    const at = await finishedAt(home, entry);
    if (at < beforeMs) found.push({ id: entry.id, at });
  }
  return found.sort((a, b) => a.at - b.at).map(({ id }) => id);
}

/** The start where there is no report that could say it (a purge that did not end). */
async function finishedAt(home: Home, entry: LiveEntry): Promise<number> {
  const batch = await readBatch(home.store, entry.id);
  if (batch === undefined) return entry.startedAt;
  const stored = await readReport(home, batch).catch(() => undefined);
  return stored === undefined ? entry.startedAt : Date.parse(stored.report.finishedAt);
}
