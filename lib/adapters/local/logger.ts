import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Level, multistream, pino } from 'pino';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import type { LogFields, Logger } from '../../ports/logger.ts';

export interface LocalLoggerOptions {
  /** Where `sluice.log` and `error.log` go, and their older files `sluice.log.1` ... `.9`. */
  folder: string;
  /** Also a plain line on stderr (default false). */
  console?: boolean;
  /** The lowest level that is kept (default info). */
  level?: 'debug' | 'info' | 'warn' | 'error';
  /** A file is moved on once it has so many bytes (default 50 MB). */
  maxFileBytes?: number;
}

export interface LocalLogger extends Logger {
  /** Flushes and closes the files; later lines are lost. */
  close(): Promise<void>;
}

const FILE_BYTES = 50_000_000;
/** With the current one 10 files a kind: 1 GB for both kinds at most. */
const OLDER_FILES = 9;
/** A full disk is tried again, but not with every line. */
const REOPEN_MS = 10_000;
/** What pino writes itself: a field of that name would stand twice in the line. */
const RESERVED = new Set(['level', 'time', 'pid', 'msg']);

/**
 * Lines of JSON in rotating files: `sluice.log` (from `level` on) and `error.log`. Only texts, numbers and
 * booleans are written, so that no object can carry a secret along. Never throws: a disk that refuses is
 * reported once on stderr, and tried again after 10 s.
 */
export function localLogger(options: LocalLoggerOptions): LocalLogger {
  const { folder, level = 'info', maxFileBytes = FILE_BYTES } = options;
  const report = reporter(resolve(folder));
  const files = ['sluice.log', 'error.log'].map((name) =>
    logFile({ name, folder, maxFileBytes, report }),
  );
  const [all, errors] = files as [LogFile, LogFile];
  const streams: { level: Level; stream: { write(line: string): void } }[] = [
    { level, stream: all },
    { level: 'error', stream: errors },
  ];
  if (options.console) streams.push({ level, stream: { write: writeForPeople } });
  const root = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    multistream(streams),
  );
  const flush = async (): Promise<void> => {
    await Promise.all(files.map((file) => file.flush()));
  };
  return {
    ...wrap(root, flush),
    async close() {
      await flush();
      await Promise.all(files.map((file) => file.close()));
    },
  };
}

type Write = (fields: object, message: string) => void;
interface Pino extends Record<'debug' | 'info' | 'warn' | 'error', Write> {
  child(fields: object): Pino;
}

function wrap(log: Pino, flush: () => Promise<void>): Logger {
  return {
    debug: (message, fields) => log.debug(allowed(fields), message),
    info: (message, fields) => log.info(allowed(fields), message),
    warn: (message, fields) => log.warn(allowed(fields), message),
    error: (message, fields) => log.error(allowed(fields), message),
    child: (fields) => wrap(log.child(allowed(fields)), flush),
    flush,
  };
}

const KEPT = new Set(['string', 'number', 'boolean']);

/** The types are checked when it runs, too: a job written in JavaScript can pass anything. */
function allowed(fields: LogFields = {}): LogFields {
  const kept = Object.entries(fields).filter(([, value]) => KEPT.has(typeof value));
  return Object.fromEntries(
    kept.map(([name, value]) => [RESERVED.has(name) ? `${name}_` : name, value]),
  );
}

interface LogFile {
  write(line: string): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}

interface LogFileOptions {
  name: string;
  folder: string;
  maxFileBytes: number;
  report(fault: Error): void;
}

function logFile({ name, folder, maxFileBytes, report }: LogFileOptions): LogFile {
  let stream: RotatingFileStream | undefined;
  let openAgainAt = 0;
  let open = 0;
  let waiting: (() => void)[] = [];

  const reopen = (): RotatingFileStream | undefined => {
    if (performance.now() < openAgainAt) return undefined;
    const made = createStream((index) => (index ? `${name}.${Number(index)}` : name), {
      path: resolve(folder),
      size: `${maxFileBytes}B`,
      rotate: OLDER_FILES,
    });
    made.on('error', (fault) => {
      report(fault);
      if (stream === made) stream = undefined;
      openAgainAt = performance.now() + REOPEN_MS;
    });
    return made;
  };
  const written = (): void => {
    open -= 1;
    if (open > 0) return;
    for (const done of waiting) done();
    waiting = [];
  };
  return {
    write(line) {
      stream ??= reopen();
      if (!stream) return;
      open += 1;
      // The callback comes with a fault as well; that is the stream's 'error' then.
      stream.write(line, written);
    },
    flush: () => (open === 0 ? Promise.resolve() : new Promise((done) => waiting.push(done))),
    async close() {
      openAgainAt = Number.POSITIVE_INFINITY;
      const last = stream;
      stream = undefined;
      if (last)
        await new Promise<void>((done) => last.end(() => done()).once('error', () => done()));
    },
  };
}

function reporter(folder: string): (fault: Error) => void {
  let reported = false;
  return (fault) => {
    if (reported) return;
    reported = true;
    writeStderr(
      `sluice: cannot write the log in ${folder} (${fault.message}); going on without it\n`,
    );
  };
}

function writeForPeople(line: string): void {
  const { level, time, msg, pid: _, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`);
  writeStderr(`${String(time).slice(11, 19)} ${String(level)} ${String(msg)}${rest.join('')}\n`);
}

function writeStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Nobody reads stderr: that must not end a batch.
  }
}
