import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SHIM, simulatedSource } from '../sim/bundle.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The engine as the simulator bundles it, file by file. */
const simulatedEngine = {
  name: 'simulated engine',
  enforce: 'pre' as const,
  async load(id: string): Promise<string | undefined> {
    if (!id.startsWith(ROOT) || !id.endsWith('.ts') || id.includes('/node_modules/'))
      return undefined;
    const source = await simulatedSource(id);
    return id.startsWith(`${ROOT}lib/`) ? source.replace(/(["'])node:zlib\1/, `'${SHIM}'`) : source;
  },
};

const STEPS = [
  'test/adapters/memory/contract.test.ts',
  'test/core/c*.test.ts',
  'test/core/errors.test.ts',
  'test/core/keys.test.ts',
  'test/core/pace.test.ts',
  'test/core/remote-date.test.ts',
  'test/core/report-html/whole-pages.test.ts',
  'test/engine/careful-steps.test.ts',
  'test/engine/expire.test.ts',
  'test/engine/http-words.test.ts',
  'test/engine/item-context.test.ts',
  'test/engine/pages.test.ts',
  'test/engine/quota-leases.test.ts',
  'test/engine/report-figures.test.ts',
  'test/engine/run-item.test.ts',
  'test/engine/settle.test.ts',
  'test/engine/shuffle.test.ts',
  'test/engine/sweep.test.ts',
  'test/engine/verify.test.ts',
  'test/engine/work-chunk.test.ts',
];

/** Of other folders: they see much of core, need nothing that is built, and take a second. */
const BESIDE = ['test/cli/display.test.ts', 'test/pool/quota-slots.test.ts'];

const chosen = process.env['SLUICE_MUTATION_TESTS']?.split(',');

/** The tests that a mutant of core or engine has to get past: those of both folders, and simulated worlds. */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    projects: chosen?.map((glob) => ({
      root: ROOT,
      test: { name: glob, include: [glob], testTimeout: 60_000 },
    })) ?? [
      {
        root: ROOT,
        // First: what looks at one change or one step cannot hang, and a mutant that hangs costs a minute.
        test: { name: 'steps', include: STEPS, sequence: { groupOrder: 0 } },
      },
      {
        root: ROOT,
        test: {
          name: 'unit',
          include: ['test/core/**/*.test.ts', 'test/engine/*.test.ts', ...BESIDE],
          // Of crashes: nine seconds, and the worlds crash as often.
          exclude: [...STEPS, 'test/engine/crash.test.ts'],
          testTimeout: 20_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        root: ROOT,
        plugins: [simulatedEngine],
        test: {
          name: 'worlds',
          include: ['test/mutation/worlds.ts'],
          testTimeout: 60_000,
          // Last: most mutants have met their end by then.
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
