import { setFlagsFromString } from 'node:v8';

/** On the process, not in this module: the command line, the library and a bench have a copy of it each. */
const OWN = Symbol.for('sluice.ownProcess');

/**
 * Says that this process does nothing but run batches, as the command line's: then Sluice may tune its V8, for less CPU. Called before
 * the first batch; without it a process that calls `runBatch` keeps its settings.
 */
export const ownProcess = (): void => void Object.assign(process, { [OWN]: true });

const isOwn = (): boolean => OWN in process;

/**
 * Bytes of bytecode that a function runs before V8 looks whether to optimise it; 66 KiB where nobody says so. Main, the store
 * and each worker thread compile the same code for themselves, much of it several times, as its types become known: a quarter of the
 * CPU of a scan of 20,000 music files. With four times as much the scan took 11.5 CPU-s in place of 12.7, with eight times 11.2 (medians
 * of three, two threads, Node 20, busy machine); 100,000 rows of odds-markets took 19.9 in place of 21.2, with twelve times 21.0 (means of two).
 */
const BYTES_BEFORE_OPTIMISING = 4 * 66 * 1024;

/** That of Node 22. Later ones count calls in place of bytes, and complain of a flag that they do not know. */
const LAST_V8_WITH_BUDGET = 12;

const tunes = (): boolean =>
  isOwn() && Number.parseInt(process.versions.v8, 10) <= LAST_V8_WITH_BUDGET;

/**
 * For jobs with `cpu: true`. One that waits for remotes runs a little of very much code, and is long with what V8 has not optimised:
 * 30,000 calls of ctx.http took 3.1 CPU-s, and 3.8 with this (medians of three, busy machine).
 */
export function compileLate(): void {
  if (tunes()) setFlagsFromString(`--interrupt-budget=${BYTES_BEFORE_OPTIMISING}`);
}

/**
 * Lets no young heap of this process grow from now on. For a main thread whose threads do the work: while it plans and hands out chunks its
 * own grew from 8 to 32 MB, and 5,000,000 no-op items peaked at 220 MB in place of 206, for as much CPU (one run each). V8
 * sets the flag back when a heap is made, so it is set again after each thread's start.
 */
export function holdYoungHeaps(): void {
  if (tunes()) setFlagsFromString('--semi-space-growth-factor=1');
}

/** A walk asked for a small heap: threads that start later do not take that back. */
let small = false;

/**
 * For a walk, which holds 10 to 40 MB and makes garbage as fast as it goes: V8 lets a heap of that size grow to four times as
 * much before it collects. At 100 %, twice as much, a million files peaked at 194 MB for 30.8 CPU-s, in place of 289 MB for
 * 28.3; at 40 % at 191 MB for 33.5 (one run each). V8 reads the flag at each collection, so a heap in use follows it.
 */
export function keepHeapSmall(): void {
  small = true;
  if (isOwn()) setFlagsFromString('--heap-growing-percent=100');
}

/**
 * For worker threads of jobs of several stages, whose heaps of 15 MB V8 lets grow by two thirds before it collects them whole, since they may have 1 GB at
 * most and not 2. At 200 % two threads collected 28 times in place of 110 in 102,576 rows of odds-markets: 22.6 CPU-s in place of 24.4, and
 * 279 MB in place of 252 (medians of three, busy machine). A job of one stage collects seldom
 * (odds ten times in 250,000 rows): it would take as much CPU, and 14 MB more; a music scan, which walks, as much and 30 MB more.
 */
export function letThreadsGrow(): void {
  if (isOwn() && !small) setFlagsFromString('--heap-growing-percent=200');
}

/**
 * For the finaliser, whose memory is buffers: parts and what they unpack to, which V8 counts like objects. At 300 % the end of 500,000
 * odds rows collected the whole heap 24 to 26 times in place of 50 to 78; the run took 20 CPU-s in place of 22 to 25 (two of each, busy
 * machine) and 25 MB more, fewer than the threads had that are ended by then. What it reads should die young: a young heap that was
 * held may grow again (216,000 rows of odds-markets peaked at 312 MB; at 334 where it might not).
 */
export function letHeapGrow(): void {
  if (isOwn()) setFlagsFromString('--heap-growing-percent=300');
  if (tunes()) setFlagsFromString('--semi-space-growth-factor=2');
}
