import { resolve } from 'node:path';
import * as z from 'zod/mini';
import { type AssessmentRules, DETAILS } from './assess.ts';
import { STRATEGIES } from './evaluate.ts';
import { said } from './json.ts';
import { type FrameworkFile, readFramework } from './read-framework.ts';

/** What a batch keeps of its options: small, since it lies in the batch's record and in the report. */
export interface AssessmentOptions extends AssessmentRules {
  /** Not there when the framework is bundled with the job. */
  framework?: FrameworkFile;
}

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
  z.strictObject(rules, unknownOption(`${NAMES}; its framework is bundled with it`)),
  z.transform((given): AssessmentOptions => rulesOf(given)),
);

const NO_FILE =
  'is the path of a file, and a function in the cloud has none: bundle the framework with a job file of your ' +
  'own, export default assessmentJob({ framework }), and deploy that.';

/** Options of the built-in job: the framework is read here, once, and known by its digest from then on. */
export const optionsSchema = z.pipe(
  z.strictObject(
    {
      ...rules,
      framework: z.string({
        error: () => 'give the path of a framework: --option framework=<file.json>.',
      }),
    },
    unknownOption(`framework, ${NAMES}`),
  ),
  z.transform((given, { issues }): AssessmentOptions => {
    const { framework, ...rest } = given;
    const refuse = (message: string): never => {
      issues.push({ code: 'custom', message, input: framework, path: ['framework'] });
      return z.NEVER;
    };
    // Also in the emulator: what it runs must be what would run on AWS.
    if (process.env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined) return refuse(NO_FILE);
    try {
      const { file, digest } = readFramework(resolve(framework));
      return { framework: { file, digest }, ...rulesOf(rest) };
    } catch (error) {
      return refuse((error as Error).message);
    }
  }),
);
