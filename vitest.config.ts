import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that need a process of their own: what they set in it stays, or they look at what it says or holds. */
const APART = [
  'test/adapters/aws/clients.test.ts',
  'test/adapters/local/{checkpoint-store,logger}.test.ts',
  'test/app/emulate/functions.test.ts',
  'test/app/{own-process,thread-pool}.test.ts',
  'test/cli/doctor-aws.test.ts',
  'test/functions/**/*.test.ts',
  'test/sim/**/*.test.ts',
];

/**
 * Files of 7 s and more, most of which wait. Vitest knows durations of an earlier run alone, and takes the largest files first
 * in a clean clone: two of these, of 20 and 15 s, were begun 33 and 21 s before the end of all.
 */
const LONG = [
  'app/emulate/queues',
  'app/take-batch',
  'cli/interrupt',
  'cli/stack-stop',
  'e2e/cloud',
  'e2e/files',
  'e2e/innocent-items',
  'e2e/kill',
  'e2e/killer-items',
  'e2e/quota',
  'e2e/two-processes',
  'jobs/recipes/remote',
].map((name) => `/test/${name}.test.ts`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // What runs apart stays ahead of what shares processes.
    const rank = ({ project, moduleId }: TestSpecification): number =>
      project.name === 'apart' ? 0 : LONG.some((end) => moduleId.endsWith(end)) ? 1 : 2;
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const every = {
  // Against what hangs: a test of 6 s took more than 20 where the load was 12.
  testTimeout: process.env['SLUICE_FULL'] ? 120_000 : 60_000,
  hookTimeout: 60_000,
  pool: 'forks',
} as const;

export default defineConfig({
  test: {
    globalSetup: ['test/build.ts'],
    // One more than the smallest machine has cores: a third of the tests wait for leases, delays and kills.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    projects: [
      { test: { ...every, name: 'apart', include: APART } },
      // The others share processes, and what these have loaded: the AWS SDK and the emulators take a second of CPU.
      {
        test: {
          ...every,
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: APART,
          isolate: false,
        },
      },
    ],
  },
});
