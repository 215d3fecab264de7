import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { SluiceError } from '../core/errors.ts';
import type { SourcePin } from '../core/records.ts';
import { fileSource, pinFile } from '../io/local-file.ts';
import { type BoundSource, stdinSource } from '../io/source.ts';

/** The input that a person named, pinned. */
export interface ResolvedInput {
  /** For people: what was given. */
  name: string;
  sources: SourcePin[];
}

const STDIN = 'stdin';

/** The pin of this very process's standard input: no other process or thread can read it. */
let ownStdin: string | undefined;

/** Files, glob patterns (sorted by path) or `-`; the order given is the order of the items. */
export async function resolveInputs(inputs: readonly string[]): Promise<ResolvedInput> {
  if (inputs.length === 0) {
    throw new SluiceError('USAGE', 'No input was given.', {
      hint: "Name one or more files, a pattern such as 'data/*.csv', or - for standard input.",
    });
  }
  if (inputs.includes('-')) return stdinInput(inputs);
  const paths: string[] = [];
  for (const input of inputs) paths.push(...(await pathsOf(input)));
  const sources = await Promise.all(paths.map((path) => pinFile(resolve(path))));
  const name = inputs.length === 1 ? basename(inputs[0] as string) : `${inputs.length} inputs`;
  return { name, sources };
}

async function pathsOf(input: string): Promise<string[]> {
  if (existsSync(input)) {
    if (!statSync(input).isDirectory()) return [input];
    throw new SluiceError('BAD_INPUT', `${input} is a folder, not a file.`, {
      hint: `Name its files with a pattern, such as '${input}/*.csv'.`,
    });
  }
  if (!isDynamicPattern(input)) {
    throw new SluiceError('NOT_FOUND', `There is no file ${input}.`, { hint: 'Check the path.' });
  }
  const found = await glob(input, { onlyFiles: true, expandDirectories: false, dot: false });
  if (found.length > 0) return found.sort();
  throw new SluiceError('NOT_FOUND', `No file matches the pattern '${input}'.`, {
    hint: 'Patterns know *, **, ?, [a-z] and {a,b}; quote them so that the shell leaves them alone.',
  });
}

/** What comes through a pipe cannot be known beforehand: each time is a batch of its own. */
function stdinInput(inputs: readonly string[]): ResolvedInput {
  if (inputs.length > 1) {
    throw new SluiceError(
      'USAGE',
      `Standard input (-) must be the only input; got ${inputs.length}.`,
    );
  }
  ownStdin = `${process.pid}-${Date.now()}`;
  return { name: STDIN, sources: [{ name: STDIN, bytes: 0, version: ownStdin }] };
}

/** The source of a pin, here and in worker threads alike. */
export function boundSource(pin: SourcePin): BoundSource {
  if (pin.name !== STDIN) return fileSource(pin);
  return stdinSource(pin.version === ownStdin ? process.stdin : undefined);
}
