import { batchFacts } from '../app/batch-facts.ts';
import { requireBatch } from '../app/place.ts';
import type { Taken } from '../app/take-batch.ts';
import { SluiceError } from '../core/errors.ts';
import type { BatchState } from '../engine/status.ts';
import { atLeast } from './flags.ts';
import { followBatch } from './follow.ts';
import { showEnd } from './show-end.ts';
import type { Cli } from './terminal.ts';
import { type WatchFlags, watchForCommand } from './watch-for.ts';
import { type AnyPlace, inPlace } from './with-place.ts';

export interface WatchRequest {
  batch: string | undefined;
  flags: WatchFlags;
}

/** A line each 10 s, as progress has; a sample of `--for` a minute. */
const LINE_MS = 10_000;

/** Shows how one batch goes, or all that run, until they have ended or are paused; never touches them. */
export async function watchCommand(cli: Cli, { batch: id, flags }: WatchRequest): Promise<number> {
  if (flags.for !== undefined) {
    return watchForCommand(cli, id, { ...flags, for: flags.for });
  }
  if (flags.database !== undefined) throw onlyWithFor('--database');
  const everyMs = atLeast('--every', flags.every ?? `${LINE_MS}ms`, 100);
  if (id === undefined) {
    const { watchAll } = await import('./watch-all.ts');
    return inPlace(cli, (place) => watchAll(cli, place, everyMs));
  }
  return inPlace(cli, async (place) => {
    await requireBatch(place, id);
    const onLook = cli.json ? { onLook: jsonLines(cli, place, everyMs) } : {};
    const taken = (await followBatch(cli, place, { batch: id, ...onLook })) as Taken;
    return showEnd(cli, place, taken);
  });
}

/** A line of JSON at once, and each `everyMs` from then on. */
function jsonLines(
  cli: Cli,
  place: AnyPlace,
  everyMs: number,
): (state: BatchState) => Promise<void> {
  let next = Number.NEGATIVE_INFINITY;
  return async (state) => {
    const now = place.clock.monotonic();
    if (now < next) return;
    next = now + everyMs;
    await cli.out(`${JSON.stringify(await batchFacts(place, state))}\n`);
  };
}

const onlyWithFor = (flag: string): SluiceError =>
  new SluiceError('USAGE', `${flag} is for watch --for.`, {
    hint: 'Such as: sluice watch <batch> --for 6h',
  });
