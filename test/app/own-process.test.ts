import { setFlagsFromString } from 'node:v8';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type AttemptsOptions, newAttempts } from '../../lib/app/attempts.ts';
import {
  compileLate,
  keepHeapSmall,
  letHeapGrow,
  letThreadsGrow,
  ownProcess,
} from '../../lib/app/own-process.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { defineJob, ndjson, ok } from '../../lib/index.ts';

vi.mock('node:v8', () => ({ setFlagsFromString: vi.fn() }));

const flags = (): string[] => vi.mocked(setFlagsFromString).mock.calls.map(([flag]) => flag);
const withBudget = Number.parseInt(process.versions.v8, 10) <= 12;

const disown = (): void => void Reflect.deleteProperty(process, Symbol.for('sluice.ownProcess'));

beforeEach(() => {
  vi.mocked(setFlagsFromString).mockClear();
  disown();
});

describe("V8's settings", () => {
  it("stay as they are in a process that is not Sluice's", () => {
    for (const set of [compileLate, keepHeapSmall, letThreadsGrow, letHeapGrow]) set();
    expect(flags()).toEqual([]);
  });

  it('are told where the process is its own, also by another copy of the module', async () => {
    vi.resetModules();
    (await import('../../lib/app/own-process.ts')).ownProcess();
    for (const set of [compileLate, keepHeapSmall, letThreadsGrow, letHeapGrow]) set();
    expect(flags()).toEqual([
      ...(withBudget ? ['--interrupt-budget=270336'] : []),
      '--heap-growing-percent=100',
      '--heap-growing-percent=200',
      '--heap-growing-percent=300',
    ]);
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
