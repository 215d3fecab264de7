import { memoryCheckpointStore } from '../../../lib/adapters/memory/checkpoint-store.ts';
import { memoryClock } from '../../../lib/adapters/memory/clock.ts';
import { memoryLogger } from '../../../lib/adapters/memory/logger.ts';
import { memoryObjectStore } from '../../../lib/adapters/memory/object-store.ts';
import { memoryWorkQueue } from '../../../lib/adapters/memory/work-queue.ts';
import { testCheckpointStore } from '../../contract/checkpoint-store.ts';
import { testClock } from '../../contract/clock.ts';
import { testLogger } from '../../contract/logger.ts';
import { testObjectStore } from '../../contract/object-store.ts';
import { testWorkQueue } from '../../contract/work-queue.ts';

testObjectStore('memory', async () => ({ store: memoryObjectStore() }));
testCheckpointStore('memory', async () => ({ store: memoryCheckpointStore() }));
const alone = { concurrent: false };
testWorkQueue(
  'memory',
  async () => {
    const clock = memoryClock();
    return { queue: memoryWorkQueue(clock), pass: clock.advance };
  },
  alone,
);
testClock(
  'memory',
  () => {
    const clock = memoryClock();
    return { clock, pass: clock.advance };
  },
  alone,
);
testLogger('memory', async () => {
  const logger = memoryLogger();
  return { logger, lines: async () => [...logger.lines] };
});
