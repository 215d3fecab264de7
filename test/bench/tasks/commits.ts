import { chunkKey, tallyKey, tallyOf } from '../../../lib/core/keys.ts';
import { claim, commit, newChunk, putIfAbsent } from '../../../lib/core/transitions.ts';
import type { Figures } from '../child.ts';
import { builtLocal } from './dist.ts';

interface Spec {
  root: string;
  home: string;
  /** Chunks to commit. */
  items: number;
  /** Commits that wait for their answer at once. */
  inFlight: number;
}

const STAGE = { batch: 'bench', round: 0, stage: 0 };
const COUNTS = { ok: 1000 };

/**
 * Durable commits of chunks as a batch makes them (one conditional change of a tally), through the
 * local store; `perS` is by the clock, since an fsync is waited for. Claims are timed beside them.
 */
export async function commitsTask({ root, home: folder, items, inFlight }: Spec): Promise<Figures> {
  const { openHome } = await builtLocal(root);
  const home = await openHome(folder);
  const { store } = home;
  const all = async (work: (chunk: number) => Promise<unknown>): Promise<number> => {
    const from = performance.now();
    let next = 0;
    const loop = async (): Promise<void> => {
      while (next < items) await work(next++);
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return items / ((performance.now() - from) / 1000);
  };
  const applied = (answer: { applied: boolean }): void => {
    if (!answer.applied) throw new Error('A change was refused.');
  };
  await all(async (chunk) =>
    applied(await store.change(chunkKey({ ...STAGE, chunk }), putIfAbsent(newChunk({ chunk })))),
  );
  const claimsPerS = await all(async (chunk) => {
    const options = { owner: 'bench', now: 1, lease: 30_000, cancelled: false };
    const change = claim({ ...options, deadOwner: undefined });
    applied(await store.change(chunkKey({ ...STAGE, chunk }), change));
  });
  const perS = await all(async (chunk) =>
    applied(await store.change(tallyKey(STAGE, tallyOf(chunk)), commit(chunk, 1, COUNTS))),
  );
  await home.close();
  return { perS, claimsPerS };
}
