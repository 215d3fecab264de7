import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Child {
  process: ChildProcess;
  /** Resolves with what it wrote and how it ended. */
  ended: Promise<{
    stdout: string;
    stderr: string;
    code: number | null;
    signal: NodeJS.Signals | null;
  }>;
  /** Resolves once stdout holds the text. */
  says(text: string): Promise<void>;
}

export interface ChildOptions {
  /** Limit on the size of any file it writes, in KiB: stands in for a full disk. */
  fileLimitKib?: number;
}

/** Runs one of `children/` in a Node process of its own. */
export function startChild(
  name: string,
  args: readonly string[],
  { fileLimitKib }: ChildOptions = {},
): Child {
  const script = fileURLToPath(new URL(`children/${name}.ts`, import.meta.url));
  const node = [process.execPath, '--import', 'tsx', script, ...args];
  // dash counts blocks of 512 bytes.
  const limit = fileLimitKib === undefined ? '' : `ulimit -f ${fileLimitKib * 2};`;
  const child = spawn('/bin/sh', ['-c', `${limit} exec "$@"`, 'sh', ...node], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TSX_DISABLE_CACHE: '1', NODE_OPTIONS: '' },
  });
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += String(data);
  });
  child.stdout.on('data', (data) => {
    stdout += String(data);
  });
  const ended: Child['ended'] = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ stdout, stderr, code, signal }));
  });
  return {
    process: child,
    ended,
    async says(text) {
      while (!stdout.includes(text)) {
        const over = await Promise.race([
          ended.then(() => true),
          new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 20)),
        ]);
        if (over && !stdout.includes(text)) throw new Error(`ended without ${text}: ${stderr}`);
      }
    },
  };
}
