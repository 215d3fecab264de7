/** Counts eight records up side by side and says each count once it was answered, until it is killed. */
import { openLocalCheckpointStore } from '../../../../lib/adapters/local/checkpoint-store.ts';

const store = await openLocalCheckpointStore(process.argv[2] ?? '');
const countUp = async (sort: string): Promise<void> => {
  for (;;) {
    const change = { when: [], add: { n: 1, twin: 1 } };
    const { record } = await store.change({ batch: 'b', sort }, change);
    // A pipe that nobody reads for a while is waited for.
    await new Promise((said) => process.stdout.write(`${sort} ${record?.['n']}\n`, said));
  }
};
await Promise.all(Array.from({ length: 8 }, (_, i) => countUp(`key-${i}`)));
