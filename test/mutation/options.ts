import { parseArgs } from 'node:util';

const OPTIONS = {
  files: {
    type: 'string',
    default: 'lib/core/**/*.ts,lib/engine/**/*.ts',
    about: 'What is changed: files or globs, with commas between them.',
  },
  together: {
    type: 'boolean',
    default: false,
    about:
      'All files in one run of Stryker: one trial of all tests instead of one a file, but nothing is kept of a run that is broken off.',
  },
  sample: {
    type: 'string',
    default: '100',
    about:
      'Only so many percent of the changes, chosen by a hash of where and what they are, and of --seed.',
  },
  seed: { type: 'string', default: '1', about: 'Of --sample.' },
  tests: {
    type: 'string',
    about:
      'Only these test files (globs): minutes instead of hours, while tests of a file are written. Others may see what these miss.',
  },
  concurrency: { type: 'string', default: '2', about: 'Mutants at once.' },
  minutes: { type: 'string', default: '600', about: 'No file is begun after this.' },
  patience: {
    type: 'string',
    default: '5000',
    about:
      'Added to the time the tests of a mutant took unchanged, ms: more on a busy machine, where a slow mutant looks endless.',
  },
  again: {
    type: 'boolean',
    default: false,
    about: 'Also the mutants whose code and tests are as they were in an earlier run.',
  },
  help: { type: 'boolean', default: false, about: 'This, and nothing is run.' },
} as const;

export const readOptions = (args: readonly string[]) =>
  parseArgs({ args: [...args], options: OPTIONS }).values;

export function usage(): string {
  const rows = Object.entries(OPTIONS).map(([name, option]) => {
    const ahead = 'default' in option && option.type === 'string' ? ` (${option.default})` : '';
    return `  --${name}${ahead}\n      ${option.about}\n`;
  });
  return `Usage: npm run mutation -- [flags]\n\n${rows.join('')}`;
}
