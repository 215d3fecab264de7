import { Console } from 'node:console';
import { EXIT } from './exit-codes.ts';
import type { Cli } from './terminal.ts';

/**
 * While a batch runs, the job's code runs in this process too. What it prints goes to stderr, since stdout
 * is the result; what it throws outside of its items is said in one line; and its process.exit(0) is no success.
 */
export function guardProcess(cli: Cli): { end(): void } {
  const before = globalThis.console;
  globalThis.console = new Console(process.stderr);
  const explain = (what: string): void => {
    cli.beforeTalk?.();
    process.stderr.write(
      `error: ${what}\n  hint: All that was committed is kept. The same command again goes on carefully, one item at a time, until the item at fault fails alone.\n`,
    );
  };
  const onError = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    explain(
      `The job's code threw outside of process(row, ctx), or left a promise alone: ${message}`,
    );
    process.exit(EXIT.error);
  };
  const onExit = (code: number): void => {
    if (code !== EXIT.ok) return;
    explain("The job's code called process.exit.");
    process.exitCode = EXIT.error;
  };
  process.on('uncaughtException', onError);
  process.on('exit', onExit);
  return {
    end() {
      process.off('uncaughtException', onError);
      process.off('exit', onExit);
      globalThis.console = before;
    },
  };
}
