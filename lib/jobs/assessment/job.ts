import {
  defineJob,
  type GroupStep,
  type Job,
  type JobContext,
  ndjson,
  ok,
  PermanentError,
  type Result,
  skip,
} from '../../index.ts';
import { type AgentRecord, agentRecord } from './assertion.ts';
import { type Assessment, createAssessor } from './assess.ts';
import { type CassServer, fetchAssertions } from './cass.ts';
import type { Framework } from './framework.ts';
import { type AssessmentOptions, cassServer, optionsSchema, rulesSchema } from './options.ts';
import { frameworkOf, parseFramework } from './read-framework.ts';
import { type AgentResult, sinkOfOptions } from './results.ts';

export type { AgentRecord } from './assertion.ts';
export type { Assessment, AssessmentRules, Judged } from './assess.ts';
export type { AssessmentOptions } from './options.ts';
export type { AgentResult } from './results.ts';
export { assessmentTable } from './results.ts';

export interface AssessmentJob {
  /** A framework as parsed JSON: Sluice's own form, a CASE package or a CTDL-ASN graph. */
  framework: unknown;
  /** Name of the job; `assessment` by default. */
  name?: string;
  /** Where the assertions of records without any are fetched. */
  cass?: {
    /** Base of its API, such as https://cass.example.org/api. */
    url: string;
    /** Time of one call: '10s' by default. */
    timeout?: string;
    /** Name of a secret (see `secrets` of a job) that is sent as bearer token. */
    token?: string;
  };
  /** Where results go as well: `tableSink({ ...assessmentTable, url })` of `sluice/sinks`. */
  sink?: GroupStep<AgentResult, AgentResult>;
  /** Names of secrets that the sink's URL needs. */
  secrets?: readonly string[];
}

/**
 * The assessment job with its framework and its CaSS server inside, for a job file of your own: the only way
 * on AWS. It takes the built-in's options but `framework`, `cass`, `timeout` and `sink`.
 * @throws Error that says what is wrong with the framework or the server
 *
 * @example
 * export default assessmentJob({ framework: { competencies: ['add', 'sum'], relations: [] } });
 */
export function assessmentJob(given: AssessmentJob): AssessmentJobOf {
  const { framework, name = 'assessment', cass, sink, secrets = [] } = given;
  const parsed = parseFramework(framework);
  const server = cass === undefined ? undefined : cassServer(cass.url, cass.timeout);
  return jobOf({
    name,
    options: rulesSchema,
    frameworkOf: async () => parsed,
    serverOf: () => server,
    token: cass?.token,
    sinkOf: sink === undefined ? undefined : () => sink,
    secrets: cass?.token === undefined ? secrets : [...secrets, cass.token],
  });
}

/**
 * Which competencies of a framework each agent holds, does not hold, or is said both of, from the assertions
 * made about the agent. One agent a record: {agent, assertions: [...]}, or an id alone with `cass`.
 *
 * Options: `framework` (path or URL of a JSON file: own form, CASE, CTDL-ASN), `cass` (base of a CaSS API),
 * `timeout` (of one call, default 10s), `sink` (sqlite:<path> or postgres://...), `level`, `minConfidence` (0 to 1, default 0), `details` (asserted,
 * all, none) and `strategy` (pessimistic, optimistic).
 */
// Pure: a job file that imports only `assessmentJob` must not carry this one's database clients.
export default /* @__PURE__ */ jobOf({
  name: 'assessment',
  options: optionsSchema,
  frameworkOf: frameworkOfBatch,
  serverOf: ({ cass }) => cass,
  sinkOf: sinkOfOptions,
});

type Context = JobContext<AssessmentOptions>;

async function frameworkOfBatch({ options, signal }: Context): Promise<Framework> {
  const { framework, timeoutMs = 0 } = options;
  if (framework === undefined) {
    throw new PermanentError('The batch was started without a framework.', { code: 'FRAMEWORK' });
  }
  try {
    return await frameworkOf(framework, { timeoutMs, signal });
  } catch (error) {
    // What a fetch throws says itself whether another try may help.
    if ('kind' in (error as object)) throw error;
    throw new PermanentError((error as Error).message, { code: 'FRAMEWORK', cause: error });
  }
}

interface Parts {
  name: string;
  options: typeof optionsSchema | typeof rulesSchema;
  frameworkOf(context: Context): Promise<Framework>;
  serverOf(options: AssessmentOptions): CassServer | undefined;
  token?: string | undefined;
  sinkOf?: (() => GroupStep<AgentResult, AgentResult>) | undefined;
  secrets?: readonly string[];
}

type AssessmentJobOf = Job<AgentRecord, Assessment, AssessmentOptions>;

interface Ready {
  framework: Framework;
  assess: ReturnType<typeof createAssessor>;
}

function jobOf(parts: Parts): AssessmentJobOf {
  const { name, options, sinkOf, secrets = [] } = parts;
  const assess = assessorOf(parts);
  const common = {
    name,
    input: ndjson(agentRecord),
    key: ({ agent }: AgentRecord) => agent,
    options,
    ...(secrets.length === 0 ? {} : { secrets }),
    // An agent has one call open at a time: with one worker, `concurrency` is the cap of all calls.
    limits: { concurrency: 4, workers: 1, chunk: 100 },
    retry: { tries: 5, base: '500ms' },
  };
  if (sinkOf === undefined) return defineJob({ ...common, process: assess });
  return defineJob<AgentRecord, AgentResult, AgentResult, Assessment, AssessmentOptions>({
    ...common,
    steps: [
      async (record, context) => {
        const result = await assess(record, context);
        if (result.status !== 'ok') return result;
        return ok({ agent: record.agent, assessment: result.value });
      },
      sinkOf(),
      // The outcome is the same with and without a sink.
      ({ assessment }) => ok(assessment),
    ],
  });
}

function assessorOf({ frameworkOf: load, serverOf, token }: Parts) {
  /** A batch has one options object for all the agents of a chunk: its assessor is made once. */
  const assessors = new WeakMap<AssessmentOptions, Ready>();
  const readyFor = async (context: Context): Promise<Ready> => {
    const framework = await load(context);
    // Of agents that waited for it together, the first makes it.
    const known = assessors.get(context.options);
    if (known !== undefined) return known;
    const ready = { framework, assess: createAssessor(framework, context.options) };
    assessors.set(context.options, ready);
    return ready;
  };
  const assertionsOf = async ({ agent }: AgentRecord, { places }: Framework, context: Context) => {
    const server = serverOf(context.options);
    if (server === undefined) throw new PermanentError(NO_ASSERTIONS, { code: 'NO_ASSERTIONS' });
    return fetchAssertions(server, agent, {
      signal: context.signal,
      token: token === undefined ? undefined : context.secret(token),
      knows: (competency) => places.has(competency),
    });
  };
  return async (record: AgentRecord, context: Context): Promise<Result<Assessment>> => {
    const { framework, assess } = assessors.get(context.options) ?? (await readyFor(context));
    const assertions = record.assertions ?? (await assertionsOf(record, framework, context));
    const assessment = assess(assertions, context.now);
    return assessment === undefined ? skip('nothing to assess') : ok(assessment);
  };
}

const NO_ASSERTIONS =
  'The record has no assertions, and there is no CaSS server to ask: add assertions, or give ' +
  '--option cass=<base of its API>.';
