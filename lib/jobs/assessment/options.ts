import { resolve } from 'node:path';
import * as z from 'zod/mini';
import type { JobDefinition } from '../../index.ts';
import { sinkOption } from '../../sinks/table-sink.ts';
import type { AgentRecord } from './assertion.ts';
import { type AssessmentRules, DETAILS } from './assess.ts';
import { type CassServer, cassUrl } from './cass.ts';
import { STRATEGIES } from './evaluate.ts';
import { httpUrl } from './http.ts';
import { said } from './json.ts';
import { type FrameworkPin, isUrl, readFramework } from './read-framework.ts';

/** What a batch keeps of its options: small, since it lies in the batch's record and in the report. */
export type AssessmentOptions = AssessmentRules & {
  /** Not there when the framework is bundled with the job; nor are the next three. */
  framework?: FrameworkPin;
  /** Of a framework that is fetched. */
  timeoutMs?: number;
  cass?: CassServer;
  sink?: string;
};

const oneOf = <const T extends readonly string[]>(name: string, values: T) =>
  z.enum(values, {
    error: ({ input }) => `${name} must be ${values.join(', ')}; got ${said(input)}.`,
  });

/** Number('') is 0: an option that was left blank by mistake would count every assertion. */
const confidence = z.optional(
  z.pipe(
    z.transform((given: unknown, { issues }) => {
      const blank = typeof given === 'string' && given.trim() === '';
      const value = blank ? Number.NaN : Number(given);
      if (value >= 0 && value <= 1) return value;
      const message = `must be a number from 0 to 1; got ${said(given)}.`;
      issues.push({ code: 'custom', message, input: given });
      return z.NEVER;
    }),
    z.number(),
  ),
);

const rules = {
  level: z.optional(z.string().check(z.minLength(1, 'level must not be blank.'))),
  minConfidence: confidence,
  // S3 metadata, which carries the options of an upload, has no capital letters.
  'min-confidence': confidence,
  details: z._default(oneOf('details', DETAILS), 'asserted'),
  strategy: z._default(oneOf('strategy', STRATEGIES), 'pessimistic'),
};

const NAMES = 'level, minConfidence (or min-confidence), details and strategy';

const unknownOption = (known: string) => ({
  error: (issue: z.core.$ZodRawIssue) =>
    issue.code === 'unrecognized_keys'
      ? `the assessment job has no option ${issue.keys.join(', ')}: it has ${known}.`
      : undefined,
});

type GivenRules = Omit<AssessmentRules, 'minConfidence'> & {
  minConfidence?: number | undefined;
  'min-confidence'?: number | undefined;
};

function rulesOf({
  level,
  minConfidence,
  'min-confidence': lower,
  details,
  strategy,
}: GivenRules): AssessmentRules {
  const least = minConfidence ?? lower ?? 0;
  return { ...(level === undefined ? {} : { level }), minConfidence: least, details, strategy };
}

/** Options of a job that has its framework in its own file. */
export const rulesSchema = z.pipe(
  z.strictObject(
    rules,
    unknownOption(`${NAMES}; its framework and its CaSS server are part of the job file`),
  ),
  z.transform((given): AssessmentOptions => rulesOf(given)),
);

/** A time with its unit, in milliseconds; undefined for anything else and beyond what an item may take. */
function callTimeoutMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text.trim());
  const ms = Number(match?.[1]) * { ms: 1, s: 1000, m: 60_000 }[(match?.[2] ?? 's') as 's'];
  return ms >= 1 && ms <= 870_000 ? ms : undefined;
}

/** Far above what a search by subject takes, and a third of what an item has by default. */
const CALL_TIMEOUT_MS = 10_000;

const timeout = z._default(
  z.pipe(
    z.string(),
    z.transform((given, { issues }) => {
      const ms = callTimeoutMs(given);
      if (ms !== undefined) return ms;
      const message = `must be the time of one call, from 1ms to 870s, such as '10s'; got ${said(given)}.`;
      issues.push({ code: 'custom', message, input: given });
      return z.NEVER;
    }),
  ),
  CALL_TIMEOUT_MS,
);

const builtInShape = z.strictObject(
  {
    ...rules,
    framework: z.string({
      error: () => 'give the path or URL of a framework: --option framework=<file.json>.',
    }),
    cass: z.optional(z.string()),
    timeout,
    sink: z.optional(z.string()),
  },
  unknownOption(`framework, cass, timeout, sink, ${NAMES}`),
);

const IN_THE_CLOUD =
  'in the cloud the framework and the CaSS server are part of the job: whoever uploads may choose neither, and a ' +
  'function has no file. Bundle them with a job file of your own, export default assessmentJob({ framework, cass }), ' +
  'and deploy that.';

type Schema = NonNullable<JobDefinition<AgentRecord, unknown, AssessmentOptions>['options']>;
type Checked = Awaited<ReturnType<Schema['~standard']['validate']>>;

/** Options of the built-in job: the framework is read here, once, and known by its digest from then on. */
export const optionsSchema: Schema = {
  '~standard': { version: 1, vendor: 'sluice', validate: checkOptions },
};

async function checkOptions(given: unknown): Promise<Checked> {
  const checked = z.safeParse(builtInShape, given);
  if (!checked.success) return { issues: checked.error.issues };
  const { framework, cass, timeout: timeoutMs, sink, ...rest } = checked.data;
  const own: Partial<AssessmentOptions> = { timeoutMs };
  // Also in the emulator: what it runs must be what would run on AWS.
  const inTheCloud = process.env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined;
  let checking = 'framework';
  try {
    if (inTheCloud) throw new Error(IN_THE_CLOUD);
    checking = 'cass';
    if (cass !== undefined) own.cass = { url: cassUrl(cass), timeoutMs };
    checking = 'sink';
    if (sink !== undefined) own.sink = sinkOption(sink);
    checking = 'framework';
    const from = isUrl(framework)
      ? httpUrl(framework, 'the path or the URL of a framework').href
      : resolve(framework);
    const { digest } = await readFramework(from, { timeoutMs });
    return { value: { framework: { from, digest }, ...own, ...rulesOf(rest) } };
  } catch (error) {
    return { issues: [{ path: [checking], message: (error as Error).message }] };
  }
}

/** The server of a job file. Throws an Error that says what is wrong with it. */
export function cassServer(url: string, limit: string | undefined): CassServer {
  const timeoutMs = limit === undefined ? CALL_TIMEOUT_MS : callTimeoutMs(limit);
  if (timeoutMs !== undefined) return { url: cassUrl(url), timeoutMs };
  throw new Error(`timeout must be from 1ms to 870s, such as '10s'; got ${said(limit)}.`);
}
