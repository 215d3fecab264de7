import { CommanderError } from 'commander';
import type { SluiceErrorCode } from '../core/errors.ts';
import { EXIT, exitOfCode } from './exit-codes.ts';
import { newProgram } from './program.ts';
import { commandLine, type GlobalFlags } from './terminal.ts';

/** Runs one command line, says what it throws, and answers the exit code. `argv` as process.argv has it. */
export async function runLine(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = newProgram((answer) => {
    code = answer;
    // For a reader that goes away while the last bytes are written.
    process.exitCode = answer;
  });
  if (argv.length <= 2) {
    program.outputHelp({ error: true });
    return EXIT.usage;
  }
  try {
    await program.parseAsync(argv as string[]);
    return code;
  } catch (error) {
    return explain(error, (rest) =>
      commandLine(process.argv[1] ?? '', program.opts<GlobalFlags>(), rest),
    );
  }
}

/** `error: ...` and a hint, never a stack; commander has said its own already. */
function explain(error: unknown, typed: (rest: string) => string): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const { message, hint, code, stack } = error as {
    message?: string;
    hint?: string;
    code?: SluiceErrorCode;
    stack?: string;
  };
  const debug = /(^|,)\s*(sluice|\*)\s*(,|$)/.test(process.env['DEBUG'] ?? '');
  const lines = [`error: ${message ?? String(error)}`];
  if (hint !== undefined) lines.push(`  hint: ${typeable(hint, typed)}`);
  if (debug && stack !== undefined) lines.push(stack);
  process.stderr.write(`${lines.join('\n')}\n`);
  return exitOfCode(code);
}

/** `sluice list` in a hint, as it works here: `node dist/cli/main.js list`. */
const typeable = (hint: string, typed: (rest: string) => string): string =>
  hint.replace(/\bsluice ([a-z]+)/g, (_all, rest: string) => typed(rest));
