import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { limitsOf } from '../../lib/cli/flags.ts';
import { newProgram } from '../../lib/cli/program.ts';
import { jobText, newPlace, rows } from './sluice.ts';

const place = newPlace();
afterAll(place.remove);
place.write('tell.ts', jobText());
place.write('three.jsonl', rows(3));

const run = ['run', './tell.ts', 'three.jsonl'];

/** What a command line throws, in this process: commander's own errors, or one of ours. */
async function refusal(args: string[]): Promise<{ code: string; message: string }> {
  const silent = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await newProgram(() => undefined).parseAsync(['node', 'sluice', ...args]);
  } catch (error) {
    return error as { code: string; message: string };
  } finally {
    silent.mockRestore();
  }
  throw new Error('It was accepted.');
}

describe('bad usage', () => {
  const concurrency = 'must be a whole number from 1 to 1000 (items in flight per worker)';
  const workers = 'must be a whole number from 1 to 1000 (workers at once)';

  it.each(['0', '-1', '1.5', 'x', '', '1001'])(
    '--concurrency and --workers of %j',
    async (value) => {
      for (const [flag, bound] of [
        ['--concurrency', concurrency],
        ['--workers', workers],
      ] as const) {
        const { code, message } = await refusal([...run, flag, value]);
        expect([code, message]).toEqual(['USAGE', `${flag} ${bound}; got '${value}'.`]);
      }
    },
  );

  it.each([
    ['SLUICE_CONCURRENCY', '0', concurrency],
    ['SLUICE_WORKERS', '1001', workers],
  ])('%s=%s', (name, value, bound) => {
    expect(() => limitsOf({}, { [name]: value })).toThrow(`${name} ${bound}; got '${value}'.`);
  });

  it.each([
    ['--chunk 0', "--chunk must be a whole number from 1 to 100000 (items per chunk); got '0'."],
    ['--max-record-bytes 63', '--max-record-bytes must be a whole number from 64 to '],
    ['--item-timeout 30', "--item-timeout must be a duration with a unit, such as '250ms'"],
    [
      '--item-timeout 1ms',
      "--item-timeout must be from 10 to 870000 ms per item with all its tries; got '1ms'.",
    ],
    [
      '--tolerate 101%',
      "--tolerate must be a count (50) or a share from 0% to 100% ('1%'); got '101%'.",
    ],
    ['--option novalue', "--option must be name=value; got 'novalue'."],
    ['--parallel maybe', 'Allowed choices are off, on, auto.'],
    ['--encoding utf16', 'Allowed choices are utf8, latin1.'],
    ['--delimiter x', 'Allowed choices are ,, ;, |, tab.'],
    ['--progress fancy', 'Allowed choices are auto, bar, plain, none.'],
    ['--concurency 2', "unknown option '--concurency'\n(Did you mean --concurrency?)"],
  ])('run %s', async (flags, message) => {
    const refused = await refusal([...run, ...flags.split(' ')]);
    expect(refused.message).toContain(message);
    expect(refused.code).toMatch(/^(USAGE|commander\..+)$/);
  });

  it.each([
    ['rnu', "unknown command 'rnu'\n(Did you mean run?)"],
    ['run ./tell.ts', "missing required argument 'inputs'"],
    ['run', "missing required argument 'job'"],
    ['status a b', 'too many arguments'],
    ['items x --limit 0', '--limit must be a whole number from 1 to '],
    ['items x --index -1', '--index must be a whole number from 0 to '],
    ['items x --status bad', 'Allowed choices are ok, skipped, failed, stalled, notRun.'],
    ['items x --csv --json', '--csv and --json cannot be used together.'],
    ['purge', 'purge takes one batch, or --older-than with an age.'],
    ['purge x --older-than 1d', 'purge takes one batch, or --older-than with an age.'],
    ['purge --older-than 1', '--older-than must be a duration with a unit'],
    ['logs', 'Which batch?'],
    ['init Bad', "A job's name must be lower-case letters"],
    ['demo --rows many', '--rows must be a whole number from 1 to '],
  ])('%s', async (line, message) => {
    const { code, message: said } = await refusal(line.split(' '));
    expect(said).toContain(message);
    expect(code).toMatch(/^(USAGE|commander\..+)$/);
  });

  it.each([
    [
      ['--concurrency', '0'],
      `error: --concurrency ${concurrency}; got '0'.\n  hint: Why this bound: `,
    ],
    [['--option', '__proto__=1'], "error: Job tell has no option '__proto__': it takes none.\n"],
    [
      ['--now', 'soon'],
      'error: --now must be a date such as 2026-01-31T12:00:00Z, or milliseconds',
    ],
    [
      ['--concurency', '2'],
      "error: unknown option '--concurency'\n(Did you mean --concurrency?)\n",
    ],
  ])('ends with 64 and leaves stdout empty: %j', async (flags, message) => {
    const { code, out, err } = await place.run([...run, ...flags]);
    expect(err.slice(0, message.length)).toBe(message);
    expect(err).not.toContain('    at ');
    expect([code, out]).toEqual([64, '']);
  });

  it('a plain call shows the help on stderr', async () => {
    const { code, out, err } = await place.run([]);
    expect(err).toContain('Usage: sluice [options] [command]');
    expect([code, out]).toEqual([64, '']);
  });

  it('made no home', () => {
    expect(existsSync(join(place.cwd, '.sluice', 'batches'))).toBe(false);
  });
});

describe('help', () => {
  it('says the version of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await place.run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it('lists commands, examples and exit codes on stdout, and nothing that is not there', async () => {
    const { code, out, err } = await place.run(['--help']);
    for (const text of [
      'Run:',
      'Look:',
      'First steps:',
      'Examples:',
      'Exit codes:',
      'SLUICE_HOME',
      'retry [options] <batch>',
    ]) {
      expect(out).toContain(text);
    }
    expect(out).not.toMatch(/\bplan\b/);
    expect([code, err]).toEqual([0, '']);
  });

  it('of a command has its own and the global flags', async () => {
    const { code, out } = await place.run(['run', '--help']);
    expect(out).toContain('--tolerate <n|p%>');
    expect(out).toContain('--home <folder>');
    expect(code).toBe(0);
  });
});

describe('not found ends with 4', () => {
  it.each([
    [['run', './none.ts', 'three.jsonl'], 'There is no job file ./none.ts.'],
    [['run', 'none', 'three.jsonl'], 'There is no job named none.'],
    [['run', './tell.ts', 'none.jsonl'], 'There is no file none.jsonl.'],
    [['run', './tell.ts', 'none-*.jsonl'], "No file matches the pattern 'none-*.jsonl'."],
  ])('%j', async (args, message) => {
    const { code, out, err } = await place.run(args);
    expect(err).toContain(`error: ${message}\n  hint: `);
    expect([code, out]).toEqual([4, '']);
  });

  it.each([['status'], ['items'], ['resume'], ['pause'], ['verify']])(
    '%s of a batch, with and without a home',
    async (command) => {
      const other = await place.run([command, 'no-such', '--home', 'nowhere']);
      expect(other.err).toContain('error: There is no home folder nowhere here.');
      expect(other.code).toBe(4);
      expect(existsSync(join(place.cwd, 'nowhere'))).toBe(false);
      // The runs above made the home, though no batch.
      const here = await place.run([command, 'no-such']);
      expect(here.err).toContain('error: There is no batch no-such in ');
      expect([here.code, here.out]).toEqual([4, '']);
    },
  );
});

describe('a job that cannot be used ends with 1, without a stack', () => {
  it.each([
    [
      'throws.ts',
      "throw new Error('no database');",
      'The job file throws while it loads: no database',
    ],
    ['syntax.ts', 'export default {{', 'Job ./syntax.ts cannot be bundled: '],
    ['nojob.ts', 'export default 42;', "The job file's default export is no job (number)."],
    ['nodefault.ts', 'export const x = 1;', "The job file's default export is no job (undefined)."],
  ])('%s', async (file, text, message) => {
    place.write(file, text);
    const { code, out, err } = await place.run(['run', `./${file}`, 'three.jsonl']);
    expect(err).toContain(`error: ${message}`);
    expect(err).not.toContain('    at ');
    expect([code, out]).toEqual([1, '']);
  });

  it('shows the stack under DEBUG=sluice', async () => {
    const { err } = await place.run(['run', './nojob.ts', 'three.jsonl'], {
      env: { DEBUG: 'sluice' },
    });
    expect(err).toContain('    at ');
  });
});
