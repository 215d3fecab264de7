import { batchState } from '../../../lib/engine/status.ts';
import type { Figures } from '../child.ts';
import { median } from '../median.ts';
import type { BatchSpec } from './batch.ts';
import { builtLocal, watchCommits } from './dist.ts';

interface Spec extends Omit<BatchSpec, 'parallel'> {
  /** Only in `status` and `resume`: the batch is the only one of its home. */
  times?: number;
}

/** Runs a batch and interrupts it, as Ctrl-C does, once half of its chunks are committed. */
export async function interruptTask({ root, ...spec }: Spec): Promise<Figures> {
  const { openHome, runBatch } = await builtLocal(root);
  const home = await openHome(spec.home);
  const stop = new AbortController();
  const half = spec.items / (spec.chunk ?? 1000) / 2;
  let commits = 0;
  const watched = watchCommits(home, () => {
    commits += 1;
    if (commits >= half) stop.abort();
  });
  const { driven } = await runBatch(watched, {
    job: spec.job,
    inputs: [spec.input],
    parallel: 'off',
    signal: stop.signal,
    ...(spec.chunk === undefined ? {} : { limits: { chunk: spec.chunk } }),
  });
  await home.close();
  if (driven !== 'interrupted') throw new Error(`The batch was not interrupted: ${driven}.`);
  return { commits };
}

/** What `sluice status` asks, on an open home. */
export async function statusTask({ root, home: folder, times = 50 }: Spec): Promise<Figures> {
  const { openHome } = await builtLocal(root);
  const home = await openHome(folder);
  const id = await onlyBatch(home);
  const took: number[] = [];
  let chunks = 0;
  for (let i = 0; i < times; i++) {
    const from = performance.now();
    const state = await batchState(home.store, id);
    took.push(performance.now() - from);
    chunks = state?.plannedChunks ?? 0;
  }
  await home.close();
  return { statusMs: median(took), maxMs: Math.max(...took), chunks };
}

/** Resumes; `firstMs` is from this process's very start to the first new commit. Then it stops again. */
export async function resumeTask({ root, home: folder }: Spec): Promise<Figures> {
  const { openHome, resumeBatchById } = await builtLocal(root);
  const home = await openHome(folder);
  const batch = await onlyBatch(home);
  const stop = new AbortController();
  let firstMs = 0;
  const watched = watchCommits(home, () => {
    firstMs ||= performance.now();
    stop.abort();
  });
  const from = performance.now();
  await resumeBatchById(watched, { batch, parallel: 'auto', signal: stop.signal });
  await home.close();
  if (firstMs === 0) throw new Error('Nothing was committed.');
  return { firstMs, callMs: firstMs - from };
}

async function onlyBatch({ store }: Parameters<typeof watchCommits>[0]): Promise<string> {
  const [live] = await store.query('live', '', '\uffff');
  if (live === undefined) throw new Error('The home has no batch.');
  return live.sort;
}
