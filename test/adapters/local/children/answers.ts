/** Counts eight records up side by side and says each count once it was answered, until it is killed. */
import { writeSync } from 'node:fs';
import { openLocalCheckpointStore } from '../../../../lib/adapters/local/checkpoint-store.ts';

const store = await openLocalCheckpointStore(process.argv[2] ?? '');
const countUp = async (sort: string): Promise<void> => {
  for (;;) {
    const change = { when: [], add: { n: 1, twin: 1 } };
    const { record } = await store.change({ batch: 'b', sort }, change);
    writeSync(1, `${sort} ${record?.['n']}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, (_, i) => countUp(`key-${i}`)));
