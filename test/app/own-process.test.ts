import { setFlagsFromString } from 'node:v8';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type AttemptsOptions, newAttempts } from '../../lib/app/attempts.ts';
import { ownProcess } from '../../lib/app/own-process.ts';
import { startThread } from '../../lib/app/thread-link.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { defineJob, ndjson, ok } from '../../lib/index.ts';

vi.mock('node:v8', () => ({ setFlagsFromString: vi.fn() }));
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
const withBudget = Number.parseInt(process.versions.v8, 10) <= 12;

const disown = (): void => void Reflect.deleteProperty(process, Symbol.for('sluice.ownProcess'));

const another = async (): Promise<typeof import('../../lib/app/own-process.ts')> => {
  vi.resetModules();
  return import('../../lib/app/own-process.ts');
};

beforeEach(() => {
  vi.mocked(setFlagsFromString).mockClear();
  disown();
});

describe("V8's settings", () => {
  it("stay as they are in a process that is not Sluice's", async () => {
    const own = await another();
    const { compileLate, letThreadsGrow, keepHeapSmall, letHeapGrow, holdYoungHeaps } = own;
    for (const set of [compileLate, letThreadsGrow, keepHeapSmall, letHeapGrow, holdYoungHeaps]) {
      set();
    }
    expect(flags()).toEqual([]);
  });

  it('are told where the process is its own, also by another copy of the module', async () => {
    (await another()).ownProcess();
    const { compileLate, letThreadsGrow, letHeapGrow } = await another();
    for (const set of [compileLate, letThreadsGrow, letHeapGrow]) set();
    expect(flags()).toEqual([
      ...(withBudget ? ['--interrupt-budget=270336'] : []),
      '--heap-growing-percent=200',
      '--heap-growing-percent=300',
      ...(withBudget ? ['--semi-space-growth-factor=2'] : []),
    ]);
  });

  it.skipIf(!withBudget)('of young heaps are held a second after the start of a thread', () => {
    vi.useFakeTimers();
    ownProcess();
    const start = (hold: boolean) => {
      startThread({} as never, undefined as never, hold);
      const worker = workers.at(-1) as (typeof workers)[0];
      worker.emit('online');
      return worker;
    };
    start(false);
    start(true).emit('exit');
    start(true);
    vi.advanceTimersByTime(999);
    expect(flags()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(flags()).toEqual(['--semi-space-growth-factor=1']);
    vi.useRealTimers();
  });

  it('keep the heap small where a walk asks for it, also when threads start after that', async () => {
    const { ownProcess, keepHeapSmall, letThreadsGrow } = await another();
    ownProcess();
    for (const set of [keepHeapSmall, letThreadsGrow]) set();
    expect(flags()).toEqual(['--heap-growing-percent=100']);
  });

  it.skipIf(!withBudget)('of the compiler are for jobs that are CPU-bound', () => {
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
