/** Opens a store with a watchdog of 2 s, then blocks for ever, idles, or leaves the store open and ends. */
import { setTimeout as pass } from 'node:timers/promises';
import { openLocalCheckpointStore } from '../../../../lib/adapters/local/checkpoint-store.ts';

const [file = '', what = ''] = process.argv.slice(2);
const store = await openLocalCheckpointStore(file);
await store.change({ batch: 'b', sort: 'B' }, { when: [], set: { v: 1 } });
store.watch(2000);
await pass(100);
console.log('ready');
if (what === 'block') for (;;);
if (what === 'off') {
  store.watch(0);
  await pass(10);
  const until = Date.now() + 4000;
  while (Date.now() < until);
}
if (what === 'idle') await pass(5000);
console.log('over');
