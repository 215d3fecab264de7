import { vi } from 'vitest';
import { exitOfCode } from '../../lib/cli/exit-codes.ts';
import { newProgram } from '../../lib/cli/program.ts';
import { hideSdkVersionWarning } from '../../lib/cli/terminal.ts';
import type { SluiceErrorCode } from '../../lib/core/errors.ts';
import type { Ended } from './sluice.ts';

// As main.ts does.
hideSdkVersionWarning();

/**
 * A command in this process, which has the AWS SDK loaded already (0.4 s of CPU in a process of its own). What
 * it throws is written as the program does, but for the names of commands in hints.
 */
export async function inProcess(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Ended> {
  let [code, out, err] = [0, '', ''];
  const write = (to: (text: string) => void) => (text: unknown) => {
    to(String(text));
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(
      write((text) => {
        out += text;
      }),
    ),
    vi.spyOn(process.stderr, 'write').mockImplementation(
      write((text) => {
        err += text;
      }),
    ),
  ];
  const before = { ...process.env };
  for (const [name, value] of Object.entries(env)) setVariable(name, value);
  try {
    await newProgram((answer) => {
      code = answer;
    }).parseAsync(['node', 'sluice', ...args]);
  } catch (error) {
    const { message, hint, code: kind } = error as Error & { hint?: string; code: string };
    err += `error: ${message}\n${hint === undefined ? '' : `  hint: ${hint}\n`}`;
    code = exitOfCode(kind as SluiceErrorCode);
  } finally {
    for (const name of Object.keys(env)) setVariable(name, before[name]);
    for (const spy of spies) spy.mockRestore();
  }
  return { code, out, err };
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
