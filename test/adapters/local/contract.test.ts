import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { openLocalCheckpointStore } from '../../../lib/adapters/local/checkpoint-store.ts';
import { systemClock } from '../../../lib/adapters/local/clock.ts';
import { localLogger } from '../../../lib/adapters/local/logger.ts';
import { localObjectStore } from '../../../lib/adapters/local/object-store.ts';
import { localWorkQueue } from '../../../lib/adapters/local/work-queue.ts';
import { testCheckpointStore } from '../../contract/checkpoint-store.ts';
import { testClock } from '../../contract/clock.ts';
import { testLogger } from '../../contract/logger.ts';
import { testObjectStore } from '../../contract/object-store.ts';
import { testWorkQueue } from '../../contract/work-queue.ts';

const freshFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'sluice-'));

testObjectStore('local', async () => {
  const folder = await freshFolder();
  const end = (): Promise<void> => rm(folder, { recursive: true });
  return { store: localObjectStore(join(folder, 'objects')), end };
});
testCheckpointStore('local', async () => {
  const folder = await freshFolder();
  const store = await openLocalCheckpointStore(join(folder, 'sub', 'store.db'));
  return {
    store,
    async end() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});
const together = { concurrent: true };
testWorkQueue(
  'local',
  async () => {
    const queue = localWorkQueue(systemClock());
    return { queue, pass: (ms) => pass(ms), end: queue.close };
  },
  together,
);
testClock('local', () => ({ clock: systemClock(), pass: (ms) => pass(ms) }), together);
testLogger('local', async () => {
  const folder = await freshFolder();
  const logger = localLogger({ folder });
  return {
    logger,
    async lines() {
      const text = await readFile(join(folder, 'sluice.log'), 'utf8');
      return text
        .trimEnd()
        .split('\n')
        .map((line) => {
          const { level, msg, time, pid, ...fields } = JSON.parse(line) as Record<string, unknown>;
          return { level: String(level), message: String(msg), fields };
        });
    },
    async end() {
      await logger.close();
      await rm(folder, { recursive: true });
    },
  };
});
