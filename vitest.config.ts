import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/build.ts'],
    testTimeout: 20_000,
    pool: 'forks',
    // One more than the smallest machine has cores: a third of the tests wait for leases, delays and kills.
    maxWorkers: 3,
  },
});
