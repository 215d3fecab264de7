#!/usr/bin/env node
import { CommanderError } from 'commander';
import type { SluiceErrorCode } from '../core/errors.ts';
import { EXIT, exitOfCode } from './exit-codes.ts';
import { newProgram } from './program.ts';
import {
  commandLine,
  endQuietlyOnClosedPipe,
  type GlobalFlags,
  hideSdkVersionWarning,
} from './terminal.ts';

let code: number = EXIT.ok;
const program = newProgram((answer) => {
  code = answer;
  // For a reader that goes away while the last bytes are written.
  process.exitCode = answer;
});

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length <= 2) {
    program.outputHelp({ error: true });
    return EXIT.usage;
  }
  await program.parseAsync(argv as string[]);
  return code;
}

/** `error: ...` and a hint, never a stack; commander has said its own already. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const { message, hint, code, stack } = error as {
    message?: string;
    hint?: string;
    code?: SluiceErrorCode;
    stack?: string;
  };
  const debug = /(^|,)\s*(sluice|\*)\s*(,|$)/.test(process.env['DEBUG'] ?? '');
  const lines = [`error: ${message ?? String(error)}`];
  if (hint !== undefined) lines.push(`  hint: ${typeable(hint)}`);
  if (debug && stack !== undefined) lines.push(stack);
  process.stderr.write(`${lines.join('\n')}\n`);
  return exitOfCode(code);
}

/** `sluice list` in a hint, as it works here: `node dist/cli/main.js list`. */
const typeable = (hint: string): string =>
  hint.replace(/\bsluice ([a-z]+)/g, (_all, rest: string) =>
    commandLine(process.argv[1] ?? '', program.opts<GlobalFlags>(), rest),
  );

endQuietlyOnClosedPipe();
hideSdkVersionWarning();
const exit = await main(process.argv).catch(explain);
// An open standard input would keep the process; what is written must be out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exit)));
