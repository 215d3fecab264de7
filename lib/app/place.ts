import { SluiceError } from '../core/errors.ts';
import { type Batch, readBatch } from '../engine/batch.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Host } from '../ports/host.ts';
import type { Logger } from '../ports/logger.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Home } from './home.ts';

/** Where batches are: what commands that look at them need. A home folder, or a deployed stack. */
export interface Place {
  /** For messages: the home folder, or `stack Sluice`. */
  name: string;
  clock: Clock;
  host: Host;
  store: CheckpointStore;
  objects: ObjectStore;
  log: Logger;
  /** Where an object lies, for people: a path, or `s3://bucket/key`. */
  where(key: string): string;
  close(): Promise<void>;
}

export interface HomePlace extends Place {
  kind: 'home';
  home: Home;
}

export const placeOfHome = (home: Home): HomePlace => ({
  ...home,
  kind: 'home',
  home,
  name: home.folder,
  where: home.objects.path,
});

/** Throws `NOT_FOUND` that names the place. */
export async function requireBatch(
  place: Pick<Place, 'store' | 'name'>,
  id: string,
): Promise<Batch> {
  const batch = await readBatch(place.store, id);
  if (batch !== undefined) return batch;
  throw new SluiceError('NOT_FOUND', `There is no batch ${id} in ${place.name}.`, {
    hint: 'See: sluice list',
  });
}
