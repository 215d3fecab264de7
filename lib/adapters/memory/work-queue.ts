/** The local queue takes its time from a Clock and is in memory anyway: the same code, under a virtual clock. */
export { localWorkQueue as memoryWorkQueue } from '../local/work-queue.ts';
