import { parseDuration } from '../core/duration.ts';
import { SluiceError } from '../core/errors.ts';
import type { Limits } from '../core/job.ts';
import { checkOption, OPTIONS } from '../core/options.ts';
import type { ReaderOptions } from '../core/reader.ts';
import { toleranceOf } from '../core/tolerance.ts';

/** Limits as they were typed. */
export interface LimitFlags {
  concurrency?: string;
  workers?: string;
  chunk?: string;
  itemTimeout?: string;
  maxRecordBytes?: string;
  tolerate?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The person's limits: a flag wins over the environment, which wins over the job. Throws a SluiceError
 * `USAGE` that names the flag or the variable, its bounds and the value.
 */
export function limitsOf(flags: LimitFlags, env: Env): Limits {
  const limits: Limits = {};
  const concurrency = numberOf('concurrency', flags, env);
  const workers = numberOf('workers', flags, env);
  if (concurrency !== undefined) limits.concurrency = concurrency;
  if (workers !== undefined) limits.workers = workers;
  if (flags.chunk !== undefined) limits.chunk = checkOption(OPTIONS.chunk, flags.chunk, '--chunk');
  if (flags.maxRecordBytes !== undefined) {
    const label = '--max-record-bytes';
    limits.maxRecordBytes = checkOption(OPTIONS.maxRecordBytes, flags.maxRecordBytes, label);
  }
  if (flags.itemTimeout !== undefined) limits.itemTimeout = checkTimeout(flags.itemTimeout);
  if (flags.tolerate !== undefined) limits.tolerateFailures = checkTolerate(flags.tolerate);
  return limits;
}

/** SLUICE_CONCURRENCY and SLUICE_WORKERS; an empty variable is one that is not set. */
function numberOf(
  name: 'concurrency' | 'workers',
  flags: LimitFlags,
  env: Env,
): number | undefined {
  const flag = flags[name];
  if (flag !== undefined) return checkOption(OPTIONS[name], flag, `--${name}`);
  const variable = `SLUICE_${name.toUpperCase()}`;
  const value = env[variable];
  return value ? checkOption(OPTIONS[name], value, variable) : undefined;
}

function checkTimeout(text: string): string {
  const { min, max, unit, why } = OPTIONS.itemTimeout;
  const ms = parseDuration('--item-timeout', text);
  if (ms >= min && ms <= max) return text;
  throw new SluiceError(
    'USAGE',
    `--item-timeout must be from ${min} to ${max} ${unit}; got '${text}'.`,
    { hint: `Why this bound: ${why}.` },
  );
}

function checkTolerate(text: string): string {
  try {
    toleranceOf(text);
    return text;
  } catch {
    throw new SluiceError(
      'USAGE',
      `--tolerate must be a count (50) or a share from 0% to 100% ('1%'); got '${text}'.`,
      { hint: 'More failed items than that stop the batch, with exit code 3.' },
    );
  }
}

const DELIMITERS = { ',': ',', ';': ';', '|': '|', tab: '\t' } as const;
export const DELIMITER_NAMES = Object.keys(DELIMITERS);

export interface ReaderFlags {
  encoding?: 'utf8' | 'latin1';
  delimiter?: keyof typeof DELIMITERS;
}

/** Only what was given, so that it can be laid over the job's own. */
export function readerOptionsOf({ encoding, delimiter }: ReaderFlags): ReaderOptions {
  return {
    ...(encoding === undefined ? {} : { encoding }),
    ...(delimiter === undefined ? {} : { delimiter: DELIMITERS[delimiter] }),
  };
}

/** `name=value` pairs, as --option gave them. */
export function jobOptionsOf(pairs: readonly string[]): Record<string, string> {
  const entries = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
    throw new SluiceError('USAGE', `--option must be name=value; got '${pair}'.`);
  });
  return Object.fromEntries(entries);
}

/** A whole number that only a command takes, such as --limit. */
export function wholeNumber(
  label: string,
  text: string,
  { min, unit }: { min: number; unit: string },
): number {
  const max = Number.MAX_SAFE_INTEGER;
  return checkOption({ name: label, min, max, default: min, unit, why: 'it counts' }, text, label);
}

/** Milliseconds of a duration that may not be shorter than `minMs`. */
export function atLeast(label: string, text: string, minMs: number): number {
  const ms = parseDuration(label, text);
  if (ms >= minMs) return ms;
  throw new SluiceError('USAGE', `${label} must be ${minMs} ms or more; got '${text}'.`);
}
