/** Conditional changes of what a process says of the batch it runs, and of the order in which a server runs batches. */
import type { Change } from './change.ts';

/** The process that runs a batch says how it goes, for others to read. A late note of one that was overtaken is refused. */
export const noteRunner = (owner: string, note: string): Change => ({
  when: [['=', 'owner', owner]],
  set: { note },
});

/** Serve: a list entry waits for its turn; `serve` orders (ms since 1970), `how` is JSON of what it is run with. */
export const queueEntry = (serve: number, how: string): Change => ({
  when: [['present', 'v']],
  set: { serve, how },
});

/** Serve: its turn is over, or a person paused it. */
export const unqueueEntry = (): Change => ({
  when: [['present', 'serve']],
  remove: ['serve', 'how'],
});
