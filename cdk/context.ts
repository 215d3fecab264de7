import { type StackSettings, usage } from './settings.ts';

/** What `cdk -c name=value` or cdk.json's context says. */
export interface AppSettings extends StackSettings {
  /** Name of the stack; 'Sluice' unless told. */
  stack: string;
  /** Built-in names or paths of job files; ['odds'] unless told. */
  jobs: string[];
}

type Reader = (value: unknown, name: string) => unknown;

const text: Reader = (value, name) => {
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  throw usage(`${name} must be a text; got ${JSON.stringify(value)}.`);
};

const flag: Reader = (value, name) => {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw usage(`${name} must be true or false; got ${JSON.stringify(value)}.`);
};

const number: Reader = (value, name) => {
  const got = typeof value === 'string' && /^\d+$/.test(value.trim()) ? Number(value) : value;
  if (typeof got === 'number') return got;
  throw usage(`${name} must be a whole number; got ${JSON.stringify(value)}.`);
};

/** An array, the same as JSON, or words with commas between. */
const list: Reader = (value, name) => {
  const items =
    typeof value !== 'string'
      ? value
      : value.trim().startsWith('[')
        ? parse(value, name)
        : value.split(',').map((item) => item.trim());
  if (Array.isArray(items) && items.every((item) => typeof item === 'string' && item !== '')) {
    return items;
  }
  throw usage(
    `${name} must be a list such as odds,./my-job.ts or ["odds"]; got ${JSON.stringify(value)}.`,
  );
};

/** An object, the same as JSON, or NAME=secret with commas between. */
const pairs: Reader = (value, name) => {
  const object =
    typeof value !== 'string'
      ? value
      : value.trim().startsWith('{')
        ? parse(value, name)
        : Object.fromEntries(value.split(',').map((pair) => splitPair(pair, name)));
  if (typeof object === 'object' && object !== null && !Array.isArray(object)) return object;
  throw usage(`${name} must be pairs such as API_KEY=prod/api-key; got ${JSON.stringify(value)}.`);
};

function splitPair(pair: string, name: string): [string, string] {
  const at = pair.indexOf('=');
  if (at > 0) return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  throw usage(`${name} must be pairs such as API_KEY=prod/api-key; got '${pair}'.`);
}

function parse(json: string, name: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw usage(`${name} is no valid JSON: ${(error as Error).message}`);
  }
}

const READERS: Readonly<Record<keyof AppSettings, Reader>> = {
  stack: text,
  jobs: list,
  budget: text,
  reserve: flag,
  keep: text,
  purgeResolved: text,
  keepReports: text,
  secrets: pairs,
  alarmTopic: text,
  accountConcurrency: number,
};

/** Keys of the CDK's own carry a colon or a slash ('@aws-cdk/core:...'), but for `cli-telemetry` and its like. */
const isForeign = (key: string): boolean => /[:/@]/.test(key) || key.startsWith('cli-');

/** The app's settings out of all context. A key that is neither ours nor the CDK's is an error: a slip must not deploy. */
export function readContext(context: Readonly<Record<string, unknown>>): AppSettings {
  const settings: Record<string, unknown> = { stack: 'Sluice', jobs: ['odds'] };
  for (const [key, value] of Object.entries(context)) {
    if (isForeign(key)) continue;
    if (!Object.hasOwn(READERS, key)) {
      throw usage(
        `Context key '${key}' is none of Sluice's.`,
        `There are: ${Object.keys(READERS).join(', ')}.`,
      );
    }
    settings[key] = READERS[key as keyof AppSettings](value, key);
  }
  return settings as unknown as AppSettings;
}
