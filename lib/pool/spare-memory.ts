/**
 * Memory that nobody uses, for the next chunk. V8 counts memory of buffers as it counts objects: new memory for each chunk, which
 * lived as long as its chunk, brought a collection of the whole heap, of 20 to 50 ms of CPU, after every ten chunks of odds rows
 * (docs/perf/parallel-batches.md, section 6). One list a thread.
 */
const spare: Buffer[] = [];
const MOST_SPARE = 12;
/** More than this is not kept: a window of a scan has 1 MiB, a chunk of 1,000 odds rows 266 KB, its part 352 KB. */
const MOST_BYTES = 1024 * 1024;
/** Chunks of one batch differ a little in size: all fit into the same memory. */
const STEP_BYTES = 64 * 1024;

/** At least so many bytes, with anything in them, until they are returned. */
export function borrowMemory(bytes: number): Buffer {
  let best = -1;
  for (const [at, { length }] of spare.entries()) {
    if (length >= bytes && (best < 0 || length < (spare[best] as Buffer).length)) best = at;
  }
  const [found] = best < 0 ? [] : spare.splice(best, 1);
  return found ?? Buffer.allocUnsafeSlow(Math.max(1, Math.ceil(bytes / STEP_BYTES)) * STEP_BYTES);
}

/** From now on the next one writes into it. */
export function returnMemory(memory: Buffer): void {
  if (memory.length > MOST_BYTES) return;
  // What is asked for now may have another size than what was: the oldest goes.
  if (spare.length >= MOST_SPARE) spare.shift();
  spare.push(memory);
}
