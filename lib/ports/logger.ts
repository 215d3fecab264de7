/** The engine's own log: a line a chunk, never a line an item. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
  /** Resolves when all lines so far are on disk (or sent). */
  flush(): Promise<void>;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
