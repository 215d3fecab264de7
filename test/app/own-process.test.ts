import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { getHeapSpaceStatistics, type HeapSpaceInfo, setFlagsFromString } from 'node:v8';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AttemptsOptions } from '../../lib/app/attempts.ts';
import { ownProcess } from '../../lib/app/own-process.ts';
import { startThread } from '../../lib/app/thread-link.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { defineJob, ndjson, ok } from '../../lib/index.ts';

vi.mock('node:v8', () => ({ setFlagsFromString: vi.fn(), getHeapSpaceStatistics: vi.fn() }));
vi.mock('node:worker_threads', async () => {
  const { EventEmitter } = await import('node:events');
  class Worker extends EventEmitter {
    stdout = new EventEmitter();
    unref = () => undefined;
    constructor() {
      super();
      workers.push(this);
    }
  }
  return { Worker };
});
const workers: { emit(name: string): boolean }[] = [];

const flags = (): string[] => vi.mocked(setFlagsFromString).mock.calls.map(([flag]) => flag);
const [GROW, HOLD] = ['--semi-space-growth-factor=2', '--semi-space-growth-factor=1'];

/** Both halves of main's young heap. */
const young = (mib: number) =>
  vi
    .mocked(getHeapSpaceStatistics)
    .mockReturnValue([{ space_name: 'new_space', space_size: mib * 1024 * 1024 } as HeapSpaceInfo]);

const disown = (): void => void Reflect.deleteProperty(process, Symbol.for('sluice.ownProcess'));

/** A copy of the module, as one that runs on the V8 of such a version; on this one's where none is given. */
const another = async (
  v8 = process.versions.v8,
): Promise<typeof import('../../lib/app/own-process.ts')> => {
  vi.resetModules();
  Object.defineProperty(process, 'versions', { ...VERSIONS, value: { ...VERSIONS.value, v8 } });
  return import('../../lib/app/own-process.ts');
};
const VERSIONS = Object.getOwnPropertyDescriptor(process, 'versions') as PropertyDescriptor;
const [NODE_20, NODE_22, NODE_24] = ['11.3.244.8', '12.4.254.21', '13.6.233.17'] as const;

beforeEach(() => {
  vi.mocked(setFlagsFromString).mockClear();
  vi.useFakeTimers();
  young(16);
  disown();
});

afterEach(() => {
  vi.useRealTimers();
  Object.defineProperty(process, 'versions', VERSIONS);
});

describe("V8's settings", () => {
  it("stay as they are in a process that is not Sluice's", async () => {
    const { ownProcess: _, ...set } = await another();
    set.threadStarted(true);
    for (const each of [set.compileLate, set.letThreadsGrow, set.keepHeapSmall, set.letHeapGrow]) {
      each();
    }
    vi.advanceTimersByTime(5000);
    expect(flags()).toEqual([]);
  });

  it.each([
    { v8: NODE_20, budget: ['--interrupt-budget=270336'] },
    { v8: NODE_22, budget: [] },
    { v8: NODE_24, budget: [] },
  ])(
    'are told where the process is its own, also by another copy of the module: V8 $v8',
    async ({ v8, budget }) => {
      (await another(v8)).ownProcess();
      const { compileLate, letThreadsGrow, letHeapGrow } = await another(v8);
      for (const set of [compileLate, letThreadsGrow, letHeapGrow]) set();
      expect(flags()).toEqual([
        ...budget,
        '--heap-growing-percent=200',
        '--heap-growing-percent=300',
        '--semi-space-growth-factor=2',
      ]);
    },
  );

  it('are such as this Node knows: each that it does not know is an error message at every run', async () => {
    const own = await another();
    own.ownProcess();
    const { compileLate, letThreadsGrow, keepHeapSmall, letHeapGrow } = own;
    for (const set of [compileLate, letThreadsGrow, keepHeapSmall, letHeapGrow]) set();
    own.threadStarted(true);
    vi.advanceTimersByTime(1000);
    expect(flags().length).toBeGreaterThan(4);
    const script = `for (const flag of ${JSON.stringify(flags())}) require('node:v8').setFlagsFromString(flag)`;
    vi.useRealTimers();
    const said = await promisify(execFile)(process.execPath, ['-e', script]);
    expect(said).toEqual({ stdout: '', stderr: '' });
  });

  it('of young heaps are held a second after the start of a thread that does all the work, until it ends', () => {
    ownProcess();
    const start = (hold: boolean) => {
      vi.mocked(setFlagsFromString).mockClear();
      startThread({} as never, undefined as never, hold);
      const worker = workers.at(-1) as (typeof workers)[0];
      worker.emit('online');
      return worker;
    };
    start(false);
    vi.advanceTimersByTime(5000);
    expect(flags()).not.toContain(HOLD);
    const early = start(true);
    vi.advanceTimersByTime(999);
    early.emit('exit');
    vi.advanceTimersByTime(5000);
    expect(flags()).not.toContain(HOLD);
    const [first, second] = [start(true), start(true)];
    vi.advanceTimersByTime(999);
    expect(flags()).not.toContain(HOLD);
    vi.advanceTimersByTime(1);
    expect(flags().at(-1)).toBe(HOLD);
    first.emit('exit');
    expect(flags().at(-1)).toBe(HOLD);
    second.emit('exit');
    expect(flags().at(-1)).toBe(GROW);
  });

  it('of young heaps hold a large one where V8 would let it grow on, but for the first second of a thread', async () => {
    const { ownProcess, threadStarted, letHeapGrow } = await another(NODE_24);
    const flagIn = (ms: number) => {
      vi.advanceTimersByTime(ms);
      return flags().at(-1);
    };
    ownProcess();
    expect(flagIn(250)).toBe(GROW);
    young(32);
    expect(flagIn(250)).toBe(HOLD);
    threadStarted(false);
    expect(flagIn(0)).toBe(GROW);
    expect(flagIn(750)).toBe(GROW);
    expect(flagIn(500)).toBe(HOLD);
    young(1);
    expect(flagIn(250)).toBe(GROW);
    threadStarted(true);
    expect(flagIn(2000)).toBe(HOLD);
    letHeapGrow();
    expect(flagIn(250)).toBe(GROW);
  });

  it('of young heaps are looked at on a V8 alone that lets them be large', async () => {
    (await another(NODE_22)).ownProcess();
    vi.advanceTimersByTime(5000);
    expect(flags()).toEqual([]);
  });

  it('keep the heap small where a walk asks for it, also when threads start after that', async () => {
    const { ownProcess, keepHeapSmall, letThreadsGrow } = await another();
    ownProcess();
    for (const set of [keepHeapSmall, letThreadsGrow]) set();
    expect(flags()).toEqual(['--heap-growing-percent=100']);
  });

  it('of the compiler are for jobs that are CPU-bound', async () => {
    const { ownProcess } = await another(NODE_20);
    const { newAttempts } = await import('../../lib/app/attempts.ts');
    ownProcess();
    const told = [false, true].map((cpu) => {
      const job = defineJob({ name: 'any', cpu, input: ndjson(), process: () => ok(null) });
      const batch = { settings: settingsOf(job, undefined) };
      const home = { host: { random: () => 0.5 } };
      newAttempts({ job, batch, home, parallel: 'off' } as unknown as AttemptsOptions);
      return flags().length;
    });
    expect(told).toEqual([0, 1]);
  });
});
