import { defineConfig } from 'vitest/config';

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

const every = {
  testTimeout: process.env['SLUICE_FULL'] ? 120_000 : 20_000,
  hookTimeout: 30_000,
  pool: 'forks',
} as const;

export default defineConfig({
  test: {
    globalSetup: ['test/build.ts'],
    // One more than the smallest machine has cores: a third of the tests wait for leases, delays and kills.
    maxWorkers: 3,
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
