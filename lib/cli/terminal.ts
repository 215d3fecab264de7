import { once } from 'node:events';
import { basename, relative, resolve, sep } from 'node:path';
import { styleText } from 'node:util';
import { EXIT } from './exit-codes.ts';

/** Flags that every command takes. */
export interface GlobalFlags {
  home?: string;
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
  const self = selfOf(process.argv[1] ?? '', flags.home);
  const colours = {
    out: takesColour(process.stdout, process.env),
    talk: takesColour(process.stderr, process.env),
  };
  const cli: Cli = {
    home,
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
    command: (rest) => `${self} ${rest}`,
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
