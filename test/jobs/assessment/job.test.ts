import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ItemLogger, JobContext } from '../../../lib/core/job.ts';
import { ok, type Result } from '../../../lib/core/outcome.ts';
import { instantOf } from '../../../lib/jobs/assessment/instant.ts';
import builtIn, {
  type AgentRecord,
  type AgentResult,
  type AssessmentOptions,
  assessmentJob,
} from '../../../lib/jobs/assessment/job.ts';
import { jobContext } from '../../support/job-context.ts';

const NOW = Date.UTC(2026, 0, 1);
const FRAMEWORK = {
  competencies: ['arithmetic', 'add', 'sub', 'sums', 'count'],
  relations: [
    { source: 'add', relationType: 'narrows', target: 'arithmetic' },
    { source: 'sub', relationType: 'narrows', target: 'arithmetic' },
    { source: 'sums', relationType: 'isEquivalentTo', target: 'add' },
    { source: 'add', relationType: 'requires', target: 'count' },
  ],
};
const bundled = assessmentJob({ framework: FRAMEWORK, name: 'mine' });
type AnyJob = typeof builtIn;

/** What the job says of an agent; the built-in's further steps are its sink, and take the agent's name off again. */
async function assess(job: AnyJob, record: AgentRecord, context: JobContext<AssessmentOptions>) {
  if (job.process !== undefined) return job.process(record, context);
  const [first] = job.steps as unknown as [NonNullable<AnyJob['process']>];
  const result = (await first(record, context)) as Result<unknown>;
  return result.status === 'ok' ? ok((result.value as AgentResult).assessment) : result;
}

const log: ItemLogger = { debug() {}, info() {}, warn() {}, error() {} };

async function optionsOf(job: AnyJob, given: Record<string, unknown>): Promise<AssessmentOptions> {
  const checked = await job.options?.['~standard'].validate(given);
  if (checked === undefined) throw new Error('the job has options');
  if (checked.issues) throw new Error(checked.issues.map(({ message }) => message).join('; '));
  return checked.value;
}

/** What the job makes of an agent: its result, or what it throws. */
async function outcome(assertions: unknown[], given: Record<string, unknown> = {}, job = bundled) {
  const options = await optionsOf(job, given);
  return outcomeWith(options, assertions, job);
}

async function outcomeWith(options: AssessmentOptions, assertions: unknown[], job: AnyJob) {
  const context = jobContext(options, { log, now: NOW });
  try {
    return await assess(job, { agent: 'ann', assertions }, context);
  } catch (error) {
    const { kind, code, message } = error as { kind: string; code: string; message: string };
    return { kind, code, message };
  }
}

const held = (competency: string, more: object = {}) => ({
  id: `${competency}-held`,
  competency,
  assertionDate: '2025-06-01T10:00:00Z',
  ...more,
});

describe('an agent', () => {
  it('gets a state for each competency, with what it rests on', async () => {
    const given = { details: 'all' };
    const assertions = [held('sums'), { ...held('sub', { negative: true }), id: undefined }];
    expect(await outcome(assertions, given)).toEqual({
      status: 'ok',
      value: {
        held: 3,
        notHeld: 2,
        indeterminate: 0,
        unknown: 0,
        competencies: {
          arithmetic: { state: 'notHeld', because: ['sub'] },
          add: { state: 'held', because: ['sums'] },
          sub: { state: 'notHeld', because: ['negative assertion of 2025-06-01T10:00:00.000Z'] },
          sums: { state: 'held', because: ['sums-held'] },
          count: { state: 'held', because: ['add'] },
        },
      },
    });
  });

  it('lists what was asserted, or nothing', async () => {
    const value = { held: 3, notHeld: 0, indeterminate: 0, unknown: 2 };
    const competencies = { add: { state: 'held', because: ['add-held'] } };
    const asserted = { status: 'ok', value: { ...value, competencies } };
    expect(await outcome([held('add')])).toEqual(asserted);
    expect(await outcome([held('add')], { details: 'none' })).toEqual({ status: 'ok', value });
  });

  it('lists 20 reasons and how many more there are', async () => {
    const parts = Array.from({ length: 30 }, (_, at) => `part${String(at).padStart(2, '0')}`);
    const relations = parts.map((part) => ({
      source: part,
      relationType: 'narrows',
      target: 'whole',
    }));
    const job = assessmentJob({ framework: { competencies: ['whole', ...parts], relations } });
    const assertions = parts.map((part) => held(part, { negative: true }));
    expect(await outcome(assertions, { details: 'all' }, job)).toMatchObject({
      value: {
        notHeld: 31,
        competencies: { whole: { because: parts.slice(0, 20), more: 10 } },
      },
    });
  });

  it('is the same whatever the order of its assertions', async () => {
    const options = await optionsOf(bundled, { details: 'all' });
    const dates = fc.constantFrom('2025-01-01', '2025-06-01T10:00:00+02:00', '2027-01-01', 'never');
    const assertion = fc.record({
      competency: fc.constantFrom(...FRAMEWORK.competencies),
      negative: fc.boolean(),
      assertionDate: fc.oneof({ weight: 9, arbitrary: fc.constant('2025-01-01') }, dates),
      confidence: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, fc.constant(2)),
    });
    const shuffles = fc.array(assertion, { maxLength: 8 }).chain((list) => {
      const named = list.map((one, at) => ({ ...one, id: `x${at}` }));
      const all = { minLength: named.length, maxLength: named.length };
      return fc.tuple(fc.constant(named), fc.shuffledSubarray(named, all));
    });
    await fc.assert(
      fc.asyncProperty(shuffles, async ([one, other]) => {
        const [a, b] = await Promise.all(
          [one, other].map((list) => outcomeWith(options, list, bundled)),
        );
        expect(JSON.stringify(a)).toBe(JSON.stringify(b));
      }),
      { numRuns: 300 },
    );
  });
});

describe('what counts', () => {
  const nothing = { status: 'skipped', reason: 'nothing to assess' };
  const at = (ms: number): string => new Date(ms).toISOString();

  it.each([
    ['no assertion', [], {}],
    ['from the future', [held('add', { assertionDate: at(NOW + 1) })], {}],
    ['expired this very millisecond', [held('add', { expirationDate: NOW })], {}],
    ['below the confidence', [held('add', { confidence: 0.59 })], { minConfidence: '0.6' }],
    [
      'the same by its lower-case name',
      [held('add', { confidence: 0 })],
      { 'min-confidence': '.1' },
    ],
    ['at another level', [held('add', { level: 'novice' })], { level: 'expert' }],
    ['at no level, when one is asked for', [held('add')], { level: 'expert' }],
  ])('not: %s', async (_name, assertions, given) => {
    expect(await outcome(assertions, given)).toEqual(nothing);
  });

  it.each([
    ['made now', held('add', { assertionDate: NOW }), {}],
    ['good for one more millisecond', held('add', { expirationDate: NOW + 1 }), {}],
    ['no confidence given', held('add'), { minConfidence: '1' }],
    ['at the very level', held('add', { level: 'expert' }), { level: 'expert' }],
    ['nulls for what is optional', held('add', { level: null, expirationDate: null }), {}],
    ['evidence of any kind', held('add', { evidence: ['seen', 'https://x/y'] }), {}],
  ])('yes: %s', async (_name, assertion, given) => {
    expect(await outcome([assertion], given)).toMatchObject({ value: { held: 3 } });
  });
});

describe('a wrong assertion fails its agent and says why', () => {
  it.each([
    [held('div'), 'UNKNOWN_COMPETENCY', `competency must be one of the framework's 5; got "div"`],
    [held('add', { confidence: 1.5 }), 'BAD_CONFIDENCE', 'a number from 0 to 1; got 1.5'],
    [held('add', { confidence: '1' }), 'BAD_CONFIDENCE', 'a number from 0 to 1; got "1"'],
    [held('add', { assertionDate: '2025-02-30' }), 'BAD_DATE', 'got "2025-02-30"'],
    [
      held('add', { assertionDate: undefined }),
      'BAD_DATE',
      'assertionDate must be a date with its zone',
    ],
    [held('add', { expirationDate: 'soon' }), 'BAD_DATE', 'expirationDate must be a date'],
    [
      held('add', { negative: 'true' }),
      'BAD_ASSERTION',
      'negative must be true or false; got "true"',
    ],
    [held('add', { level: 3 }), 'BAD_ASSERTION', 'level must be a text; got 3'],
    [held('add', { evidence: [1] }), 'BAD_ASSERTION', 'evidence must be a text or a list of texts'],
    [held('add', { id: 5 }), 'BAD_ASSERTION', 'Assertion 1 of 1: id must be a text; got 5'],
    [
      held('add', { competency: 7 }),
      'BAD_ASSERTION',
      'competency must be the id of a competency; got 7',
    ],
    ['x', 'BAD_ASSERTION', 'Assertion 1 of 1 must be an object; got "x"'],
  ])('%j', async (assertion, code, message) => {
    const failed = await outcome([assertion]);
    expect(failed).toMatchObject({ kind: 'permanent', code });
    expect(failed).toHaveProperty('message', expect.stringContaining(message));
  });

  it('also when it would not count; the others are counted, an id occurs once', async () => {
    const expired = { expirationDate: '2020-01-01', confidence: -1 };
    expect(await outcome([held('add'), held('sub', expired), held('add')])).toEqual({
      kind: 'permanent',
      code: 'DUPLICATE_ASSERTION',
      message:
        'Assertion "add-held": its id must occur once among the agent\'s assertions; it occurs 2 times.' +
        " 1 more of the agent's assertions are wrong.",
    });
  });
});

describe('dates', () => {
  it.each([
    ['2026-01-01', NOW],
    ['2026-01-01T00:00Z', NOW],
    ['2026-01-01T02:00:00.0009+02:00', NOW],
    ['2025-12-31T21:30:00-0230', NOW],
    [NOW, NOW],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['0001-01-01', -62_135_596_800_000],
  ])('%s', (given, expected) => {
    expect(instantOf(given)).toBe(expected);
  });

  it.each([
    ['2025-02-29', '2026-13-01', '2026-00-10', '2026-1-1', '2026-01-01T24:00:00Z', 'now', ''],
    ['2026-01-01T00:00:00', '2026-01-01T00:60Z', '2026-01-01T00:00:60Z', '2026-01-01T00:00+25:00'],
    [1.5, Number.NaN, 8.64e15 + 1, true, null, [NOW], new Date(NOW)],
  ])('none of these is one: %j ...', (...values) => {
    expect(values.map(instantOf)).toEqual(values.map(() => undefined));
  });
});

describe('options', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const file = join(folder, 'framework.json');
  const write = (framework: unknown): void => writeFileSync(file, JSON.stringify(framework));
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    [{ minConfidence: '2' }, 'must be a number from 0 to 1; got "2"'],
    [{ minConfidence: '' }, 'must be a number from 0 to 1; got ""'],
    [{ minConfidence: 'high' }, 'must be a number from 0 to 1; got "high"'],
    [{ details: 'some' }, 'details must be asserted, all, none; got "some".'],
    [{ strategy: 'kind' }, 'strategy must be pessimistic, optimistic; got "kind".'],
    [{ level: '' }, 'level must not be blank.'],
    [{ depth: '3' }, 'the assessment job has no option depth: it has level,'],
    [
      { framework: 'x.json' },
      'no option framework: it has .*; its framework and its CaSS server are part of the job file',
    ],
  ])('%j is refused', async (given, message) => {
    await expect(optionsOf(bundled, given)).rejects.toThrow(new RegExp(message));
  });

  it('keep the path and the digest of the framework, and are small', async () => {
    write(FRAMEWORK);
    const options = await optionsOf(builtIn, { framework: file, details: 'none' });
    expect(options).toEqual({
      framework: { from: file, digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      timeoutMs: 10_000,
      minConfidence: 0,
      details: 'none',
      strategy: 'pessimistic',
    });
    // As a worker thread or a resumed batch has them: through JSON.
    const copy = JSON.parse(JSON.stringify(options)) as AssessmentOptions;
    expect(await outcomeWith(copy, [held('add')], builtIn)).toMatchObject({ value: { held: 3 } });
  });

  it('a framework that changed or went away fails agents instead of judging them by another', async () => {
    write(FRAMEWORK);
    const batch = await optionsOf(builtIn, { framework: file });
    write({ ...FRAMEWORK, relations: [] });
    await optionsOf(builtIn, { framework: file });
    const failed = { kind: 'permanent', code: 'FRAMEWORK' };
    const changed = await outcomeWith({ ...batch }, [held('add')], builtIn);
    expect(changed).toMatchObject(failed);
    expect(changed).toHaveProperty('message', expect.stringMatching(/SHA-256 was .* Put it back/));
    rmSync(file);
    expect(await outcomeWith({ ...batch }, [held('add')], builtIn)).toMatchObject(failed);
  });

  it('say what to do without a framework, and in the cloud', async () => {
    write(FRAMEWORK);
    await expect(optionsOf(builtIn, {})).rejects.toThrow('--option framework=<file.json>');
    await expect(optionsOf(builtIn, { framework: folder })).rejects.toThrow('cannot be read');
    vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'orchestrator');
    await expect(optionsOf(builtIn, { framework: file })).rejects.toThrow(
      /in the cloud the framework and the CaSS server are part of the job.*assessmentJob\(\{ framework, cass \}\)/,
    );
  });
});

it('200 agents with 1,000 competencies: far below the second that a person notices', async () => {
  const ids = Array.from({ length: 1000 }, (_, at) => `c${at}`);
  const relations = ids.slice(1).map((source, at) => ({
    source,
    relationType: 'narrows',
    target: `c${Math.floor(at / 4)}`,
  }));
  const job = assessmentJob({ framework: { competencies: ids, relations } });
  const options = await optionsOf(job, { details: 'all' });
  const started = performance.now();
  for (let agent = 0; agent < 200; agent++) {
    const assertions = ids.filter((_, at) => (at * 7 + agent) % 5 === 0).map((id) => held(id));
    expect(await outcomeWith(options, assertions, job)).toMatchObject({ status: 'ok' });
  }
  // Ten times what a busy machine needs: only a quadratic evaluation would miss it.
  expect(performance.now() - started).toBeLessThan(10_000);
});
