import { describe, expect, it } from 'vitest';
import { flagsOf, usageOf } from '../support/fake-flags.ts';

const door = {
  script: 'fake:thing',
  about: 'A fake thing.',
  flags: {
    calls: { about: 'calls', value: 30, min: 1, max: 100 },
    fail: { about: 'what it answers', value: 'no', oneOf: ['no', '500'] },
    write: { about: 'folder' },
  },
};

describe('the flags of fake servers', () => {
  it('have defaults, and are numbers where numbers are meant', () => {
    expect(flagsOf(door, [])).toEqual({ calls: 30, fail: 'no', write: undefined });
    const given = flagsOf(door, ['--calls=7', '--fail', '500', '--write', 'out']);
    expect(given).toEqual({ calls: 7, fail: '500', write: 'out' });
  });

  it.each([
    [['--call', '3'], "Unknown option '--call'."],
    [['--calls'], "Option '--calls <value>' argument missing."],
    [['more'], "Unexpected argument 'more'."],
    [['--calls', '0'], "--calls must be a whole number from 1 to 100; got '0'."],
    [['--calls', ''], "--calls must be a whole number from 1 to 100; got ''."],
    [['--calls', '1.5'], "--calls must be a whole number from 1 to 100; got '1.5'."],
    [['--fail', 'x'], "--fail must be one of no, 500; got 'x'."],
  ])('%j is refused', (args, message) => {
    expect(() => flagsOf(door, args)).toThrow(message);
  });

  it('are told with their bounds and defaults', () => {
    expect(usageOf(door)).toBe(
      `Usage: npm run fake:thing -- [flags]

A fake thing. Ctrl-C ends it.

  --calls <n>     calls, 1 to 100 (30)
  --fail <name>   what it answers: no, 500 (no)
  --write <path>  folder
`,
    );
  });
});
