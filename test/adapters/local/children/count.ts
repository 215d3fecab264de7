/** Counts one record up, `times` times, each step on condition that the count is the one that was read. */
import { openLocalCheckpointStore } from '../../../../lib/adapters/local/checkpoint-store.ts';

const [file = '', times = '0'] = process.argv.slice(2);
const store = await openLocalCheckpointStore(file);
const key = { batch: 'b', sort: 'counter' };
let refused = 0;
for (let done = 0; done < Number(times); ) {
  const n = Number((await store.read(key))?.['n'] ?? 0);
  const { applied } = await store.change(key, {
    when: [['any', ['=', 'n', n], ...(n === 0 ? ([['absent', 'n']] as const) : [])]],
    add: { n: 1 },
  });
  if (applied) done += 1;
  else refused += 1;
}
await store.close();
console.log(JSON.stringify({ refused }));
