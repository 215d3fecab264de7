import { readReport } from '../../../lib/app/read-report.ts';
import type { Figures } from '../child.ts';
import type { BatchSpec } from './batch.ts';
import { builtLocal, watchCommits } from './dist.ts';

type Spec = Omit<BatchSpec, 'parallel'>;

/** A whole batch of which a share fails, and goes on failing. */
export async function failingTask({ root, ...spec }: Spec): Promise<Figures> {
  const { openHome, runBatch } = await builtLocal(root);
  const home = await openHome(spec.home);
  const { batch } = await runBatch(home, { job: spec.job, inputs: [spec.input], parallel: 'off' });
  const { report } = await readReport(home, batch);
  await home.close();
  return { failed: report.failed };
}

/**
 * Retries all that failed, as its next round. `beginMs` is from this process's very start to the round's begin,
 * `firstMs` to its first commit; `readKb` is what was read from the object store until the round had begun.
 */
export async function retryTask({ root, home: folder }: Spec): Promise<Figures> {
  const { openHome, retryBatch } = await builtLocal(root);
  const home = await openHome(folder);
  const [live] = await home.store.query('live', '', '\uffff');
  if (live === undefined) throw new Error('The home has no batch.');
  let [beginMs, firstMs, read, items] = [0, 0, 0, 0];
  const watched = watchCommits(home, () => {
    firstMs ||= performance.now();
  });
  const { objects } = home;
  const counted: typeof objects = {
    ...objects,
    async get(key, range) {
      const bytes = await objects.get(key, range);
      if (beginMs === 0) read += bytes?.length ?? 0;
      return bytes;
    },
  };
  const from = performance.now();
  const { batch } = await retryBatch(
    { ...watched, objects: counted },
    {
      ...{ batch: live.sort, filter: {}, parallel: 'off' },
      onRound: (_batch, eligible) => {
        beginMs = performance.now();
        items = eligible;
      },
    },
  );
  const allS = (performance.now() - from) / 1000;
  const { report } = await readReport(home, batch);
  await home.close();
  if (report.failed !== items) throw new Error(`${report.failed} of ${items} failed again.`);
  return { beginMs, firstMs, readKb: read / 1000, items, allS };
}
