import { expect, it } from 'vitest';
import { readOptions, usage } from './options.ts';

it('tells every flag by --help, and runs as it did without one', () => {
  expect(readOptions(['--help']).help).toBe(true);
  expect(readOptions(['--sample', '7', '--together'])).toMatchObject({
    ...{ sample: '7', together: true, again: false, help: false },
    ...{ files: 'lib/core/**/*.ts,lib/engine/**/*.ts', patience: '5000' },
  });
  expect(() => readOptions(['--no-such'])).toThrow("Unknown option '--no-such'");
  for (const name of Object.keys(readOptions([]))) expect(usage()).toContain(`\n  --${name}`);
  expect(usage()).toContain('--patience (5000)\n');
});
