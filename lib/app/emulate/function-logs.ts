import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';

/** Where the output of functions goes: a file each, or the memory of a test. */
export interface FunctionLogs {
  write(logicalId: string, text: string): void;
  /** What a function wrote, where it is kept in memory; the file's path where it is not. */
  read(logicalId: string): string;
  close(): Promise<void>;
}

/** Kept per function in memory: the newest megabyte. */
const KEPT = 1_000_000;

export function memoryLogs(): FunctionLogs {
  const texts = new Map<string, string>();
  return {
    write: (id, text) => void texts.set(id, `${texts.get(id) ?? ''}${text}`.slice(-KEPT)),
    read: (id) => texts.get(id) ?? '',
    close: () => Promise.resolve(),
  };
}

/** `<folder>/<logical id>.log`, begun anew: it belongs to one life of the emulator. */
export function fileLogs(folder: string): FunctionLogs {
  mkdirSync(folder, { recursive: true });
  const streams = new Map<string, WriteStream>();
  const path = (id: string): string => join(folder, `${id}.log`);
  return {
    write(id, text) {
      const stream = streams.get(id) ?? createWriteStream(path(id));
      streams.set(id, stream);
      stream.write(text);
    },
    read: path,
    async close() {
      const open = [...streams.values()];
      await Promise.all(open.map((stream) => new Promise((done) => stream.end(done))));
    },
  };
}
