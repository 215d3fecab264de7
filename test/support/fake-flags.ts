import { parseArgs } from 'node:util';

/** What a flag of a fake server takes; without `value` it is absent by default. */
export type Flag =
  | { about: string; value: number; min: number; max: number }
  | { about: string; value: string; oneOf: readonly string[] }
  | { about: string };

type Values<F> = {
  [K in keyof F]: F[K] extends { value: number }
    ? number
    : F[K] extends { value: string }
      ? string
      : string | undefined;
};

export interface Door<F> {
  /** Of the script in package.json. */
  script: string;
  /** What it serves, in a line. */
  about: string;
  flags: F;
}

/** Wrong use of a flag: said with the usage, without a stack. */
class UsageError extends Error {}

/** Reads the flags. Throws a UsageError that names the flag, what it takes and what it got. */
export function flagsOf<F extends Record<string, Flag>>(
  { flags }: Pick<Door<F>, 'flags'>,
  args: readonly string[],
): Values<F> {
  const names = Object.keys(flags);
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  let given: Record<string, unknown>;
  try {
    given = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    // Such as: Unknown option '--x'. To specify a positional argument ...
    throw new UsageError(`${(error as Error).message.split('. ')[0]}.`);
  }
  const values = names.map((name) => [name, read(name, flags[name] as Flag, given[name])]);
  return Object.fromEntries(values) as Values<F>;
}

function read(name: string, flag: Flag, given: unknown): number | string | undefined {
  if (!('value' in flag)) return given as string | undefined;
  if (given === undefined) return flag.value;
  const text = String(given);
  if ('oneOf' in flag) {
    if (flag.oneOf.includes(text)) return text;
    throw new UsageError(`--${name} must be one of ${flag.oneOf.join(', ')}; got '${text}'.`);
  }
  const { min, max } = flag;
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} must be a whole number from ${min} to ${max}; got '${text}'.`);
}

export function usageOf<F extends Record<string, Flag>>({ script, about, flags }: Door<F>): string {
  const rows = Object.entries(flags).map(([name, flag]): [string, string] => {
    const { takes, more } = wordsOf(flag);
    return [`--${name} ${takes}`, `${flag.about}${more}`];
  });
  const width = Math.max(...rows.map(([head]) => head.length));
  const lines = rows.map(([head, words]) => `  ${head.padEnd(width)}  ${words}\n`);
  return `Usage: npm run ${script} -- [flags]\n\n${about} Ctrl-C ends it.\n\n${lines.join('')}`;
}

function wordsOf(flag: Flag): { takes: string; more: string } {
  if (!('value' in flag)) return { takes: '<path>', more: '' };
  if ('oneOf' in flag) {
    return { takes: '<name>', more: `: ${flag.oneOf.join(', ')} (${flag.value})` };
  }
  return { takes: '<n>', more: `, ${flag.min} to ${flag.max} (${flag.value})` };
}

/** Runs a fake server's door: `--help` and wrong flags are answered with the usage, exit codes as Sluice's own. */
export async function openDoor<F extends Record<string, Flag>>(
  door: Door<F>,
  main: (values: Values<F>) => Promise<void>,
): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usageOf(door));
    return;
  }
  try {
    await main(flagsOf(door, args));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const usage = error instanceof UsageError;
    const busy = code === 'EADDRINUSE' ? ' Take another one: --port.' : '';
    process.stderr.write(`error: ${message}${busy}\n${usage ? `\n${usageOf(door)}` : ''}`);
    process.exitCode = usage ? 64 : 1;
  }
}
