import { requireBatch } from '../app/place.ts';
import type { Taken } from '../app/take-batch.ts';
import { followBatch } from './follow.ts';
import { showEnd } from './show-end.ts';
import type { Cli } from './terminal.ts';
import { inPlace } from './with-place.ts';

/** Follows a batch that others run until it has ended or is paused; never touches it. */
export async function watchCommand(cli: Cli, id: string): Promise<number> {
  return inPlace(cli, async (place) => {
    await requireBatch(place, id);
    const taken = (await followBatch(cli, place, { batch: id })) as Taken;
    return showEnd(cli, place, taken);
  });
}
