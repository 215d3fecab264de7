/** Writes until the disk refuses (the parent set a limit on the size of files), then says how. */
import { join } from 'node:path';
import { openLocalCheckpointStore } from '../../../../lib/adapters/local/checkpoint-store.ts';
import { localLogger } from '../../../../lib/adapters/local/logger.ts';
import { localObjectStore } from '../../../../lib/adapters/local/object-store.ts';
import type { SluiceError } from '../../../../lib/core/errors.ts';

const [folder = ''] = process.argv.slice(2);
const logger = localLogger({ folder: join(folder, 'logs') });
for (let i = 0; i < 3000; i += 1) logger.info('x'.repeat(100), { i });
await logger.flush();
logger.info('one more');
await logger.flush();

const faultOf = async (act: () => Promise<unknown>): Promise<unknown> => {
  try {
    await act();
    return 'no fault';
  } catch (fault) {
    const { code, message, hint } = fault as SluiceError;
    return { code, message, hint };
  }
};
const objects = localObjectStore(join(folder, 'objects'));
await objects.put('a/b.txt', new Uint8Array(10));
const put = await faultOf(() => objects.put('a/b.txt', new Uint8Array(1_000_000)));
const kept = (await objects.get('a/b.txt'))?.length;

const file = join(folder, 'store.db');
const store = await openLocalCheckpointStore(file);
let changes = 0;
const change = await faultOf(async () => {
  for (; changes < 1000; changes += 1) {
    const key = { batch: 'b', sort: String(changes) };
    await store.change(key, { when: [], set: { text: 'x'.repeat(4000) } });
  }
});
const found = (await store.query('b', '', '~')).length;
await store.close().catch(() => undefined);
console.log(JSON.stringify({ put, kept, change, changes, found }));
