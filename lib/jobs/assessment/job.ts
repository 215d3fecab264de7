import { defineJob, ndjson, ok, PermanentError, skip } from '../../index.ts';
import { type AgentRecord, agentRecord } from './assertion.ts';
import { type Assessment, createAssessor } from './assess.ts';
import type { Framework } from './framework.ts';
import { type AssessmentOptions, optionsSchema, rulesSchema } from './options.ts';
import { frameworkOf, parseFramework } from './read-framework.ts';

export type { AgentRecord } from './assertion.ts';
export type { Assessment, AssessmentRules, Judged } from './assess.ts';
export type { AssessmentOptions } from './options.ts';

type Assessor = ReturnType<typeof createAssessor>;

export interface AssessmentJob {
  /** A framework as parsed JSON: Sluice's own form, a CASE package or a CTDL-ASN graph. */
  framework: unknown;
  /** Name of the job; `assessment` by default. */
  name?: string;
}

/**
 * The assessment job with its framework inside, for a job file of your own: the only way on AWS, where a
 * function has no file of yours. It takes the built-in's options but `framework`.
 * @throws Error that says what is wrong with the framework
 *
 * @example
 * export default assessmentJob({ framework: { competencies: ['add', 'sum'], relations: [] } });
 */
export function assessmentJob({ framework, name = 'assessment' }: AssessmentJob) {
  const parsed = parseFramework(framework);
  return jobOf({ name, options: rulesSchema, frameworkFor: () => parsed });
}

/**
 * Which competencies of a framework each agent holds, does not hold, or is said both of, from the assertions
 * made about the agent. One agent a record: {agent, assertions: [...]}.
 *
 * Options: `framework` (path of a JSON file: own form, CASE, CTDL-ASN), `level`, `minConfidence` (0 to 1,
 * default 0), `details` (asserted, all, none) and `strategy` (pessimistic, optimistic).
 */
export default jobOf({ name: 'assessment', options: optionsSchema, frameworkFor: fromFile });

function fromFile({ framework }: AssessmentOptions): Framework {
  if (framework === undefined) {
    throw new PermanentError('The batch was started without a framework.', { code: 'FRAMEWORK' });
  }
  try {
    return frameworkOf(framework);
  } catch (error) {
    throw new PermanentError((error as Error).message, { code: 'FRAMEWORK', cause: error });
  }
}

interface Parts {
  name: string;
  options: typeof optionsSchema | typeof rulesSchema;
  frameworkFor(options: AssessmentOptions): Framework;
}

function jobOf({ name, options, frameworkFor }: Parts) {
  /** A batch has one options object for all the agents of a chunk: its assessor is made once. */
  const assessors = new WeakMap<AssessmentOptions, Assessor>();
  const assessorFor = (given: AssessmentOptions): Assessor => {
    const known = assessors.get(given);
    if (known !== undefined) return known;
    const assessor = createAssessor(frameworkFor(given), given);
    assessors.set(given, assessor);
    return assessor;
  };
  return defineJob<AgentRecord, Assessment, AssessmentOptions>({
    name,
    input: ndjson(agentRecord),
    key: ({ agent }) => agent,
    options,
    limits: { concurrency: 4, chunk: 10 },
    process(record, { now, options: given }) {
      const assessment = assessorFor(given)(record, now);
      return assessment === undefined ? skip('nothing to assess') : ok(assessment);
    },
  });
}
