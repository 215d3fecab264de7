import {
  csv,
  defineJob,
  type GroupContext,
  type GroupResult,
  type GroupStep,
  inBatches,
  type Job,
  ok,
  PermanentError,
  skip,
  UnavailableError,
} from '../../index.ts';
import { sinkOption } from '../../sinks/table-sink.ts';
import { identify, keyOf, type Row } from './identifier.ts';
import { baseOf, type CompaniesOptions, type FixedOptions, optionsSchema } from './options.ts';
import { type CompanyResult, sinkOfOptions } from './results.ts';
import { rejectionOf, textKey } from './rules.ts';
import { type Ask, type LookedUp, lookUp } from './sirene.ts';

export type { Company, HeadOffice } from './company.ts';
export { type Identified, identify, isSiren, isSiret, type Row } from './identifier.ts';
export type { CompaniesOptions } from './options.ts';
export type { CompanyResult } from './results.ts';
export { companyTable } from './results.ts';
export { normalised, type Rejection, rejectionOf, type TextRules } from './rules.ts';

export interface CompaniesJob {
  /** Name of the job; `companies` by default. */
  name?: string;
  /** Base of the API; INSEE's own by default. */
  base?: string;
  /** Name of the secret that holds the key; `INSEE_API_KEY` by default. */
  key?: string;
  /** Where records go as well: `tableSink({ ...companyTable, url })` of `sluice/sinks`. */
  sink?: GroupStep<CompanyResult, CompanyResult>;
  /** Names of secrets that the sink's URL needs. */
  secrets?: readonly string[];
}

type CompaniesJobOf = Job<Row, CompanyResult, CompaniesOptions>;

/**
 * The companies job with its server and its sink inside, for a job file of your own: the only way to have either of
 * them on AWS, where whoever uploads an input may not choose where the key is sent.
 *
 * @example
 * export default companiesJob({ sink: tableSink({ ...companyTable, url: (ctx) => ctx.secret('DB') }), secrets: ['DB'] });
 */
export function companiesJob(given: CompaniesJob = {}): CompaniesJobOf {
  const { name = 'companies', base, key = KEY, sink, secrets = [] } = given;
  const fixed = base === undefined ? undefined : baseOf(base);
  return jobOf({ name, key, secrets, sink, fixed: { base: fixed } });
}

const KEY = 'INSEE_API_KEY';

/**
 * Looks companies up in INSEE's register Sirene (API 3.11) under its quota: today's name, legal form, activity, state
 * and head office of each SIREN or SIRET.
 *
 * Options: `quota` (30/1m), `per-call` (1; up to 1000 companies a call), `base`, `timeout` (30s), `sink` (sqlite:<path> or
 * postgres://...), `group` (100 rows a transaction), and rules for texts: `texts` (columns), `min-length`, `max-length`,
 * `required`, `forbidden`. The key is the secret INSEE_API_KEY.
 */
// Pure: a job file that imports only `companiesJob` must not carry this one's database clients.
export default /* @__PURE__ */ jobOf({
  name: 'companies',
  key: KEY,
  secrets: [],
  sink: /* @__PURE__ */ sinkOfOptions(),
  fixed: { checkSink: sinkOption },
});

interface Parts {
  name: string;
  key: string;
  secrets: readonly string[];
  sink: GroupStep<CompanyResult, CompanyResult> | undefined;
  fixed: FixedOptions;
}

type Context = GroupContext<CompaniesOptions>;

function jobOf({ name, key, secrets, sink, fixed }: Parts): CompaniesJobOf {
  const look = inBatches<Row, CompanyResult, CompaniesOptions>(
    ({ perCall }) => perCall,
    lookUpRows,
    // The client has made the tries.
    { tries: 1 },
  );
  const common = {
    name,
    input: csv() as Job<Row>['input'],
    key: keyOf,
    options: optionsSchema(fixed),
    secrets: [key, ...secrets],
    // A call takes a second or less, and a slot comes every 0.6 to 2 s: more calls at once would only wait.
    limits: { workers: 4, concurrency: 2, chunk: 1000, itemTimeout: '2m' },
    retry: { tries: 5, base: '1s' },
    quotas: ({ quota }: CompaniesOptions) => ({ insee: quota }),
    http: (options: CompaniesOptions) => ({
      baseUrl: options.base,
      headers: (secret: (name: string) => string) => ({
        'x-insee-api-key-integration': secret(key),
        accept: 'application/json',
      }),
      requestTimeout: options.timeout,
      // A thousand head offices have 2 to 3 MB.
      maxBytes: 64 * 1024 * 1024,
      // A 301 says which company goes on: that is an answer.
      redirects: 0,
    }),
  };
  if (sink === undefined) return defineJob({ ...common, steps: [look] });
  return defineJob({ ...common, steps: [look, sink] });
}

/** One result a row: its company, why there is none, or what is wrong with the row itself, which then costs no call. */
async function lookUpRows(
  rows: readonly Row[],
  ctx: Context,
): Promise<GroupResult<CompanyResult>[]> {
  const { rules } = ctx.options;
  const asked = rows.map((row): string | PermanentError => {
    const found = identify(row);
    const fault = 'code' in found ? found : rejectionOf(row, rules);
    if (fault !== undefined) return new PermanentError(fault.message, { code: fault.code });
    return (found as { siren: string }).siren;
  });
  const sirens = [...new Set(asked.filter((one) => typeof one === 'string'))];
  const known = sirens.length === 0 ? new Map<string, LookedUp>() : await ask(sirens, ctx);
  return rows.map((row, at): GroupResult<CompanyResult> => {
    const siren = asked[at] as string | PermanentError;
    if (typeof siren !== 'string') return siren;
    const one = known.get(siren) as LookedUp;
    if ('none' in one) return skip(one.none);
    const key = textKey(row, rules);
    return ok(key === undefined ? one.company : { ...one.company, textKey: key });
  });
}

function ask(sirens: readonly string[], ctx: Context): Promise<Map<string, LookedUp>> {
  const { http } = ctx;
  const send = (path: string, form: Readonly<Record<string, string>> | undefined) =>
    http
      .request(path, form === undefined ? {} : { ...FORM, body: String(new URLSearchParams(form)) })
      .catch((error: Error) => {
        throw forAll(error, sirens.length);
      });
  const call: Ask = async ({ path, form }) => {
    let answer = await send(path, form);
    if (answer.status === 429) {
      // All tries were refused without a word of how long: a whole window later there must be a place.
      await ctx.quota('insee').blocked(60_000);
      answer = await send(path, form);
    }
    if (answer.status === 429) throw limited();
    const { status, headers } = answer;
    return { status, header: (name) => headers[name], body: answer.text() };
  };
  return lookUp(call, sirens);
}

/** A search changes nothing, so it may be sent again. */
const FORM = {
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  retry: true,
} as const;

const limited = (): UnavailableError =>
  new UnavailableError(
    'Sirene refuses every call (429) although the quota is kept: does somebody else use the key, or is the option quota above what the key has?',
    { code: 'TOO_MANY_REQUESTS', retry: false },
  );

/** What no answer came for is no fault of any of a thousand rows, and is not asked for in halves. */
function forAll(error: Error, rows: number): Error {
  const { kind, code = '' } = error as { kind?: string; code?: string };
  const putBack = code === 'HTTP_WAIT' || code === 'QUOTA_WAIT';
  if (rows === 1 || kind !== 'retryable' || putBack) return error;
  return new UnavailableError(error.message, { code, cause: error, retry: false });
}
