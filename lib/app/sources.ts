import { basename } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import type { SourcePin } from '../core/records.ts';
import { fileSource } from '../io/local-file.ts';
import { type BoundSource, stdinSource } from '../io/source.ts';
import { type PinOptions, pinInput } from './input-paths.ts';

/** The input that a person named, pinned. */
export interface ResolvedInput {
  /** For people: what was given. */
  name: string;
  sources: SourcePin[];
}

const STDIN = 'stdin';

/** The pin of this very process's standard input: no other process or thread can read it. */
let ownStdin: string | undefined;

/** Files, folders, glob patterns (sorted by path), manifests or `-`; the order given is the order of the items. */
export async function resolveInputs(
  inputs: readonly string[],
  options: PinOptions = {},
): Promise<ResolvedInput> {
  if (inputs.length === 0) {
    throw new SluiceError('USAGE', 'No input was given.', {
      hint: "Name one or more files, a pattern such as 'data/*.csv', or - for standard input.",
    });
  }
  if (inputs.includes('-')) return stdinInput(inputs);
  const sources: SourcePin[] = [];
  for (const input of inputs) for (const pin of await pinInput(input, options)) sources.push(pin);
  const name = inputs.length === 1 ? basename(inputs[0] as string) : `${inputs.length} inputs`;
  return { name, sources };
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
