import type { Cli } from './terminal.ts';

/** One write a block: a write a line is 1.7 times as slow. */
const BLOCK_CHARS = 64 * 1024;

/** Lines of a stream to stdout, gathered into blocks; `flush` writes the rest. */
export function newLines(cli: Cli): { add(line: string): Promise<void>; flush(): Promise<void> } {
  let held: string[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    if (held.length === 0) return;
    const text = `${held.join('\n')}\n`;
    held = [];
    size = 0;
    await cli.out(text);
  };
  return {
    async add(line) {
      held.push(line);
      size += line.length + 1;
      if (size >= BLOCK_CHARS) await flush();
    },
    flush,
  };
}
