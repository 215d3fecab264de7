import { once } from 'node:events';
import { basename, relative, resolve, sep } from 'node:path';
import { styleText } from 'node:util';
import { SluiceError } from '../core/errors.ts';
import { EXIT } from './exit-codes.ts';

/** Flags that every command takes. */
export interface GlobalFlags {
  home?: string;
  stack?: string;
  json?: boolean;
  quiet?: boolean;
  progress?: ProgressMode;
}

export const PROGRESS_MODES = ['auto', 'bar', 'plain', 'none'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

export type Tone = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** The two streams and what was asked of them: stdout is the result, stderr the talk. */
export interface Cli {
  /** Folder of the home, as it was given. */
  home: string;
  /** Name of the stack that is looked at instead of the home. */
  stack: string | undefined;
  /** It was named on the command line, not by the environment. */
  stackGiven: boolean;
  json: boolean;
  quiet: boolean;
  progress: ProgressMode;
  /** Columns of stdout; 80 where nothing says. */
  width: number;
  /** The same for tables: no limit where nothing says, so that a pipe loses nothing. */
  tableWidth: number;
  /** Writes a result, and waits while the reader is slow. */
  out(text: string): Promise<void>;
  /** A line of talk; nothing under --quiet. */
  say(line: string): void;
  /** Colours text for stdout or stderr; leaves it alone where that stream takes none. */
  paint(stream: 'out' | 'talk', tone: Tone, text: string): string;
  /** A command line that works as typed here: `sluice --home x status`. */
  command(rest: string): string;
  /** Called before a line of talk: a progress bar makes room. */
  beforeTalk: (() => void) | undefined;
}

export function newCli(flags: GlobalFlags): Cli {
  const home = flags.home ?? (process.env['SLUICE_HOME'] || '.sluice');
  const colours = {
    out: takesColour(process.stdout, process.env),
    talk: takesColour(process.stderr, process.env),
  };
  const cli: Cli = {
    home,
    stack: stackOf(flags),
    stackGiven: flags.stack !== undefined,
    json: flags.json === true,
    quiet: flags.quiet === true,
    progress: flags.progress ?? 'auto',
    width: columnsOf(process.stdout),
    tableWidth: columnsOf(process.stdout, Number.MAX_SAFE_INTEGER),
    async out(text) {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain');
    },
    say(line) {
      if (cli.quiet) return;
      cli.beforeTalk?.();
      process.stderr.write(`${line}\n`);
    },
    paint: (stream, tone, text) => (colours[stream] ? styleText(tone, text) : text),
    command: (rest) => commandLine(process.argv[1] ?? '', flags, rest),
    beforeTalk: undefined,
  };
  return cli;
}

/** NO_COLOR (no-color.org) counts when it is not empty. */
export const takesColour = (
  stream: { isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean => stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';

/** The terminal's columns; COLUMNS where the stream is none. */
export function columnsOf(stream: { columns?: number }, otherwise = 80): number {
  const columns = stream.columns ?? Number(process.env['COLUMNS']);
  return Number.isInteger(columns) && columns > 0 ? columns : otherwise;
}

/** The name that stands for an emulator in this home instead of a deployed stack. */
export const EMULATE = 'emulate';

/** A home that is named on the command line wins over SLUICE_STACK. */
function stackOf({ home, stack }: GlobalFlags): string | undefined {
  if (stack === undefined) {
    return home === undefined ? process.env['SLUICE_STACK'] || undefined : undefined;
  }
  if (stack === '') throw new SluiceError('USAGE', "--stack must be a stack's name; got ''.");
  // There the home says where the emulator stands.
  if (home === undefined || stack === EMULATE) return stack;
  throw new SluiceError('USAGE', '--stack and --home cannot be used together.', {
    hint: 'Batches are looked for in one place: the stack, or the home.',
  });
}

/** Commands that never work on a stack. */
const HOME_ONLY = ['run', 'demo', 'init', 'doctor', 'purge', 'emulate', 'serve'];

/** A command of this program as it works when typed here: with the same home, and the same stack where it takes one. */
export function commandLine(script: string, { home, stack }: GlobalFlags, rest: string): string {
  const self = selfOf(script, home);
  const takesStack = !HOME_ONLY.includes(rest.split(' ')[0] ?? '');
  return stack !== undefined && takesStack
    ? `${self} --stack ${word(stack)} ${rest}`
    : `${self} ${rest}`;
}

/** What to type to get this very program: `sluice`, `npx sluice`, or `node dist/cli/main.js`. */
export function selfOf(script: string, home?: string): string {
  const name = script.includes(`${sep}node_modules${sep}.bin${sep}`)
    ? 'npx sluice'
    : basename(script) === 'sluice'
      ? 'sluice'
      : `node ${word(shortPath(script))}`;
  return home === undefined ? name : `${name} --home ${word(home)}`;
}

/** A path relative to the working folder when that is shorter. */
export function shortPath(path: string): string {
  const whole = resolve(path);
  const short = relative('', whole) || '.';
  return short.length < whole.length ? short : whole;
}

/** A word as a shell takes it. */
export const word = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** A reader that has gone (`| head`) is no error: the process ends quietly, with the code it has so far. */
export function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? (process.exitCode ?? EXIT.ok) : EXIT.error);
  });
  // Nobody reads the talk: that must not end a batch.
  process.stderr.on('error', () => undefined);
}

/**
 * The AWS SDK tells of the Node versions that later releases of it will need. That is for us, who pin it: one
 * warning, by its name; all others are shown as ever.
 */
export function hideSdkVersionWarning(): void {
  const emit = process.emitWarning as (...all: unknown[]) => void;
  process.emitWarning = ((...all: unknown[]): void => {
    if (!String(all[0]).startsWith('NodeVersionSupportWarning:')) emit.apply(process, all);
  }) as typeof process.emitWarning;
}
