import type { LogFields, Logger } from '../../ports/logger.ts';

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: LogFields;
}

export interface MemoryLogger extends Logger {
  /** All lines so far, also those of children. */
  readonly lines: readonly LogLine[];
}

/** Collects lines. */
export function memoryLogger(): MemoryLogger {
  const lines: LogLine[] = [];
  const make = (own: LogFields): MemoryLogger => {
    const write =
      (level: LogLine['level']) =>
      (message: string, fields: LogFields = {}): void => {
        lines.push({ level, message, fields: { ...own, ...fields } });
      };
    return {
      lines,
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => make({ ...own, ...fields }),
      flush: () => Promise.resolve(),
    };
  };
  return make({});
}
