import * as z from 'zod/mini';
import type { JobDefinition } from '../../index.ts';
import type { Company } from './company.ts';
import type { Row } from './identifier.ts';
import { normalised, type TextRules } from './rules.ts';
import { MAX_PER_CALL } from './sirene.ts';

/** What a batch keeps of its options. A type and no interface: the options of a step are a record of anything. */
export type CompaniesOptions = {
  /** Base of the API, without a slash at its end. */
  base: string;
  /** Calls, and the length of the rolling window that they are allowed in. */
  quota: { calls: number; per: string };
  /** Companies of one call. */
  perCall: number;
  /** Time of one call: '30s'. */
  timeout: string;
  rules: TextRules;
  sink?: string;
  /** Rows of a transaction of the sink. */
  group: number;
};

/** Of the INSEE's register, version 3.11. */
const SIRENE = 'https://api.insee.fr/api-sirene/3.11';
/** What INSEE publishes for its public plan: 30 calls a minute. */
const QUOTA = '30/1m';
const [MAX_GROUP, MAX_TEXT] = [10_000, 1_000_000];

/** What a job file fixes: whoever uploads an input may not choose where the key is sent. */
export interface FixedOptions {
  base?: string | undefined;
  /** Checks the option `sink`; absent where that is part of the job file too, which then carries no database client. */
  checkSink?: (url: string) => string;
}

const fields = {
  base: z.optional(z.string()),
  quota: z._default(z.string(), QUOTA),
  'per-call': z.optional(z.string()),
  timeout: z._default(z.string(), '30s'),
  sink: z.optional(z.string()),
  group: z.optional(z.string()),
  texts: z.optional(z.string()),
  'min-length': z.optional(z.string()),
  'max-length': z.optional(z.string()),
  required: z.optional(z.string()),
  forbidden: z.optional(z.string()),
};

const shape = z.strictObject(fields, {
  error: (issue) =>
    issue.code === 'unrecognized_keys'
      ? `the companies job has no option ${issue.keys.join(', ')}: it has ${Object.keys(fields).join(', ')}.`
      : undefined,
});
interface WrongOption {
  option: string;
}

type Given = z.infer<typeof shape>;

type Schema = NonNullable<JobDefinition<Row, Company, CompaniesOptions>['options']>;

/** Checks options as a command line, an upload or a batch's record gives them. */
export function optionsSchema(fixed: FixedOptions): Schema {
  return {
    '~standard': {
      version: 1,
      vendor: 'sluice',
      validate(given) {
        const checked = z.safeParse(shape, given);
        if (!checked.success) return { issues: checked.error.issues };
        try {
          return { value: optionsOf(checked.data, fixed) };
        } catch (error) {
          const { option, message } = error as Partial<WrongOption> & Error;
          if (option === undefined) throw error;
          return { issues: [{ path: [option], message }] };
        }
      },
    },
  };
}

function optionsOf(given: Given, fixed: FixedOptions): CompaniesOptions {
  const { base, sink } = given;
  // Also in the emulator: what it runs must be what would run on AWS.
  const cloud = process.env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined;
  if (base !== undefined && (cloud || fixed.base !== undefined)) {
    wrong('base', `is part of the job file, companiesJob({ base }), since the key is sent there.`);
  }
  const { checkSink } = fixed;
  if (sink !== undefined && (cloud || checkSink === undefined)) {
    wrong('sink', 'is part of the job file, companiesJob({ sink }): a function has no file.');
  }
  return {
    base: within('base', () => baseOf(base ?? fixed.base ?? SIRENE)),
    quota: quotaOf(given.quota),
    perCall: whole(given, 'per-call', { fallback: 1, min: 1, max: MAX_PER_CALL }),
    timeout: timeoutOf(given.timeout),
    rules: rulesOf(given),
    ...(sink === undefined || checkSink === undefined
      ? {}
      : { sink: within('sink', () => checkSink(sink)) }),
    group: whole(given, 'group', { fallback: 100, min: 1, max: MAX_GROUP }),
  };
}

function rulesOf(given: Given): TextRules {
  const columns = listOf('texts', given.texts);
  const minLength = whole(given, 'min-length', { fallback: 0, min: 0, max: MAX_TEXT });
  const maxLength = whole(given, 'max-length', { fallback: MAX_TEXT, min: 1, max: MAX_TEXT });
  const rules = {
    ...{ columns, minLength, maxLength },
    required: listOf('required', given.required),
    forbidden: listOf('forbidden', given.forbidden),
  };
  if (minLength > maxLength) {
    wrong('min-length', `must not be above max-length ${maxLength}; got ${minLength}.`);
  }
  for (const name of ['required', 'forbidden'] as const) {
    const blank = rules[name].find((word) => normalised(word) === '');
    if (blank !== undefined) wrong(name, `must be words; got ${said(blank)}.`);
  }
  const unused = (['min-length', 'max-length', 'required', 'forbidden'] as const).find(
    (name) => given[name] !== undefined,
  );
  if (columns.length === 0 && unused !== undefined) {
    wrong(unused, 'needs the columns that hold texts: --option texts=description.');
  }
  return rules;
}

/** Texts with commas between them. */
function listOf(option: string, text: string | undefined): string[] {
  if (text === undefined) return [];
  const parts = text.split(',').map((part) => part.trim());
  if (parts.some((part) => part === '')) {
    wrong(option, `must be texts with commas between them; got ${said(text)}.`);
  }
  return [...new Set(parts)];
}

interface Bound {
  fallback: number;
  min: number;
  max: number;
}

function whole(
  given: Given,
  option: 'per-call' | 'group' | 'min-length' | 'max-length',
  { fallback, min, max }: Bound,
): number {
  const text = given[option];
  if (text === undefined) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  return wrong(option, `must be a whole number from ${min} to ${max}; got ${said(text)}.`);
}

/** `30/1m`: the bounds of the window are the quota's own. */
function quotaOf(text: string): CompaniesOptions['quota'] {
  const [, calls = '', per = ''] = /^(\d{1,8})\/(\d+(?:\.\d+)?(?:ms|s|m|h|d))$/.exec(text) ?? [];
  if (Number(calls) >= 1) return { calls: Number(calls), per };
  return wrong('quota', `must be calls and a window, such as 30/1m or 100/1m; got ${said(text)}.`);
}

function timeoutOf(text: string): string {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const ms = Number(number) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? Number.NaN);
  if (ms >= 100 && ms <= 300_000) return text;
  return wrong('timeout', `must be the time of one call, 100ms to 300s; got ${said(text)}.`);
}

/** Checks the base of the API. Throws an Error that says what it must be; a password is not repeated. */
export function baseOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    throw new Error(`must hold no user name and no password; got some for ${url.host}.`);
  }
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search + url.hash !== '') {
    throw new Error(`must be the base of the API, such as ${SIRENE}; got ${said(text)}.`);
  }
  return url.href.replace(/\/+$/, '');
}

function within<T>(option: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    return wrong(option, (error as Error).message);
  }
}

function wrong(option: string, message: string): never {
  throw Object.assign(new Error(message), { option } satisfies WrongOption);
}

const said = (text: string): string =>
  JSON.stringify(text.length > 100 ? `${text.slice(0, 99)}…` : text);
