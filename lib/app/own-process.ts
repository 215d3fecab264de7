import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** On the process, not in this module: the command line, the library and a bench have a copy of it each. */
const OWN = Symbol.for('sluice.ownProcess');

/**
 * Says that this process does nothing but run batches, as the command line's: then Sluice may tune its V8, for less CPU and memory. Called
 * before the first batch; without it a process that calls `runBatch` keeps its settings.
 */
export function ownProcess(): void {
  if (isOwn()) return;
  Object.assign(process, {
    [OWN]: { startedAt: Number.NEGATIVE_INFINITY, holders: new Set() } satisfies Own,
  });
  if (YOUNG_MAY_BE_LARGE) setInterval(lookAtYoungHeap, LOOK_MS).unref();
}

interface Own {
  /** When the last thread started, in milliseconds of the process. */
  startedAt: number;
  /** Threads for which no young heap is to grow. */
  holders: Set<object>;
}

const own = (): Own | undefined => (process as { [OWN]?: Own })[OWN];
const isOwn = (): boolean => own() !== undefined;

/** The version whose flag this is: later ones count calls in place of bytes, and each complains of a flag that it does not know. */
const HAS_BUDGET = process.versions.v8.startsWith('11.3.');

/**
 * Bytes of bytecode that a function runs before V8 looks whether to optimise it; 66 KiB where nobody says so. Main, the store
 * and each worker thread compile the same code for themselves, much of it several times, as its types become known: a quarter of the
 * CPU of a scan of 20,000 music files. With four times as much the scan took 11.5 CPU-s in place of 12.7, with eight times 11.2 (medians
 * of three, two threads, Node 20, busy machine); 100,000 rows of odds-markets took 19.9 in place of 21.2, with twelve times 21.0 (means of two).
 * Four times the calls that Node 22 and 24 count gained nothing: 100,000 music files 28.7 and 29.8 CPU-s, 500,000 odds rows 23.5 and 22.6,
 * on Node 24 22.1 and 22.2 (medians of three in turn, without and with it).
 */
const BYTES_BEFORE_OPTIMISING = 4 * 66 * 1024;

/**
 * For jobs with `cpu: true`. One that waits for remotes runs a little of very much code, and is long with what V8 has not optimised:
 * 30,000 calls of ctx.http took 3.1 CPU-s, and 3.8 with this (medians of three, busy machine).
 */
export function compileLate(): void {
  if (isOwn() && HAS_BUDGET) setFlagsFromString(`--interrupt-budget=${BYTES_BEFORE_OPTIMISING}`);
}

/**
 * V8 of Node 24 lets main's young heap grow to 128 MiB, that of Node 20 and 22 to 32. Held there too where it is found to have 32, 1,000,000 no-op items on one thread
 * peaked at 202 MB in place of 278, a music scan of 100,000 files at 460 to 480 in place of 500 to 530, for as much CPU.
 */
const YOUNG_MAY_BE_LARGE = Number.parseInt(process.versions.v8, 10) > 12;
const LARGE_BYTES = 32 * 1024 * 1024;
const LOOK_MS = 250;

/**
 * Until all young heaps are held, a thread's may grow to what it needs: odds rows need little, and where each thread had 24 MB at once, of
 * which its core's cache holds a part, 500,000 took 24 CPU-s in place of 21. After 2.5 s main's had grown as well.
 */
const GROW_MS = 1000;

/** One flag for all heaps, read when one would grow: told at each look, so that a heap that V8 made small since may grow again. */
function lookAtYoungHeap(): void {
  const { startedAt, holders } = own() as Own;
  const grows = performance.now() < startedAt + GROW_MS;
  setYoungGrowth(!grows && (holders.size > 0 || youngBytes() >= LARGE_BYTES) ? 1 : 2);
}

/** Of both halves of this thread's. */
const youngBytes = (): number =>
  getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;

const setYoungGrowth = (factor: 1 | 2): void =>
  setFlagsFromString(`--semi-space-growth-factor=${factor}`);

/**
 * A thread has started.
 *
 * @param hold no young heap of this process is to grow from a second on. For a main thread whose threads do the work: while it plans and
 * hands out chunks its own grew from 8 to 32 MB, and 5,000,000 no-op items peaked at 220 MB in place of 206, for as much CPU (one run each)
 * @returns to be called when it has ended: what it held may grow again
 */
export function threadStarted(hold: boolean): () => void {
  const found = own();
  if (found === undefined) return () => undefined;
  const { holders } = found;
  found.startedAt = performance.now();
  setYoungGrowth(2);
  if (!hold) return () => undefined;
  const holder = {};
  const grown = setTimeout(() => {
    holders.add(holder);
    setYoungGrowth(1);
  }, GROW_MS).unref();
  return () => {
    clearTimeout(grown);
    holders.delete(holder);
    setYoungGrowth(holders.size > 0 ? 1 : 2);
  };
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
  const found = own();
  if (found === undefined) return;
  setFlagsFromString('--heap-growing-percent=300');
  found.holders.clear();
  setYoungGrowth(2);
}
