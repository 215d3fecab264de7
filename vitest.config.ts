import { defineConfig } from 'vitest/config';

/** Folders whose tests touch neither environment nor globals: their files share processes, and what these have loaded. */
const SHARED = ['core', 'io', 'pool', 'engine', 'jobs'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

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
      { test: { ...every, name: 'apart', include: ['test/**/*.test.ts'], exclude: SHARED } },
      { test: { ...every, name: 'shared', include: SHARED, isolate: false } },
    ],
  },
});
