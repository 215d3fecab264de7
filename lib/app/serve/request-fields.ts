import * as z from 'zod';
import { parseDuration } from '../../core/duration.ts';
import type { Limits } from '../../core/job.ts';
import { checkOption, OPTIONS } from '../../core/options.ts';
import { toleranceOf } from '../../core/tolerance.ts';
import { parseNow } from '../parse-now.ts';
import type { BeginRequest } from '../run-batch.ts';
import { badField, HttpError } from './http-error.ts';
import type { RetryAsk, RunHow } from './wire.ts';

const MAX_INPUTS = 1_000;
const MAX_TEXT = 4_096;

const text = z.string().min(1).max(MAX_TEXT);
const parallel = z.enum(['off', 'on', 'auto']);

const limits = z.strictObject({
  concurrency: z.unknown().optional(),
  workers: z.unknown().optional(),
  chunk: z.unknown().optional(),
  itemTimeout: z.string().optional(),
  maxRecordBytes: z.unknown().optional(),
  tolerateFailures: z
    .union([
      z.number(),
      z.string(),
      z.strictObject({
        count: z.number().optional(),
        percent: z.number().optional(),
        minSample: z.number().optional(),
      }),
    ])
    .optional(),
});

const width = limits.pick({ concurrency: true, workers: true });

const submitBody = z.strictObject({
  job: text,
  inputs: z.array(text).min(1).max(MAX_INPUTS),
  options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  limits: limits.optional(),
  readerOptions: z
    .strictObject({
      encoding: z.enum(['utf8', 'latin1']).optional(),
      delimiter: z.enum([',', ';', '|', '\t']).optional(),
    })
    .optional(),
  parallel: parallel.optional(),
  now: z.string().optional(),
  again: z.boolean().optional(),
});

const resumeBody = z.strictObject({
  limits: width.optional(),
  parallel: parallel.optional(),
  acceptCode: z.boolean().optional(),
});

const retryBody = z.strictObject({
  codes: z.array(text).max(50).optional(),
  keys: z.array(text).max(MAX_INPUTS).optional(),
  first: z.int().min(1).optional(),
  stalled: z.boolean().optional(),
  stage: text.optional(),
  limits: width.extend({ tolerateFailures: limits.shape.tolerateFailures }).optional(),
  parallel: parallel.optional(),
  acceptCode: z.boolean().optional(),
});

const noBody = z.strictObject({});

type Body = Record<string, unknown>;

/** What `POST /api/batches` takes: as `run` does, files and jobs by their paths. */
export function submitOf(body: Body): { request: BeginRequest; how: RunHow } {
  const given = checked(submitBody, body);
  if (given.inputs.includes('-')) {
    throw badField('inputs', 'inputs: a server has no standard input; name files.');
  }
  inField('now', () => parseNow(given.now, 'now'));
  const { job, inputs, options = {}, readerOptions, again = false, now } = given;
  const request: BeginRequest = {
    ...{ job, inputs, again },
    limits: limitsOf(given.limits ?? {}),
    options: Object.fromEntries(
      Object.entries(options).map(([name, value]) => [name, String(value)]),
    ),
    ...(readerOptions === undefined ? {} : { readerOptions }),
    ...(now === undefined ? {} : { now }),
  };
  return { request, how: { parallel: given.parallel } };
}

export function resumeOf(body: Body): RunHow {
  const given = checked(resumeBody, body);
  return { ...howOf(given), acceptCode: given.acceptCode, currentCode: true };
}

export function retryOf(body: Body, batch: string): { request: RetryAsk; how: RunHow } {
  const given = checked(retryBody, body);
  const { codes, keys, first, stalled, stage, acceptCode } = given;
  const { tolerateFailures } = limitsOf(given.limits ?? {});
  const filter = {
    ...(codes === undefined ? {} : { codes }),
    ...(keys === undefined ? {} : { keys }),
    ...(first === undefined ? {} : { first }),
    ...(stalled === true ? { stalled } : {}),
    ...(stage === undefined ? {} : { stage }),
  };
  return { request: { batch, filter, tolerateFailures, acceptCode }, how: howOf(given) };
}

/** Pause and cancel take nothing; a field that would be ignored is a mistake. */
export const noFields = (body: Body): void => {
  checked(noBody, body);
};

function howOf(given: {
  limits?: z.infer<typeof width> | undefined;
  parallel?: RunHow['parallel'];
}): RunHow {
  const { concurrency, workers } = limitsOf(given.limits ?? {});
  return { concurrency, workers, parallel: given.parallel };
}

function limitsOf(given: z.infer<typeof limits>): Limits {
  const own: Limits = {};
  for (const name of ['concurrency', 'workers', 'chunk', 'maxRecordBytes'] as const) {
    const value = given[name];
    const field = `limits.${name}`;
    if (value !== undefined)
      own[name] = inField(field, () => checkOption(OPTIONS[name], value, field));
  }
  const { itemTimeout, tolerateFailures } = given;
  if (itemTimeout !== undefined) own.itemTimeout = checkTimeout(itemTimeout);
  if (tolerateFailures !== undefined) {
    const tolerance = tolerateFailures as NonNullable<Limits['tolerateFailures']>;
    inField('limits.tolerateFailures', () => toleranceOf(tolerance));
    own.tolerateFailures = tolerance;
  }
  return own;
}

function checkTimeout(given: string): string {
  const field = 'limits.itemTimeout';
  inField(field, () => checkOption(OPTIONS.itemTimeout, parseDuration(field, given), field));
  return given;
}

function checked<T>(schema: z.ZodType<T>, body: Body): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  // A field that is misspelt is told of before the one that is missed for it.
  const { issues } = result.error;
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const path = (issue?.path ?? []).map(String);
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys : [];
  const field = [...path, ...unknown.slice(0, 1)].join('.');
  const what = unknown.length > 0 ? 'is no field of this request' : issue?.message;
  throw badField(field, `${field}: ${what}`);
}

/** An error of the core, as one of the field that it is about. */
function inField<T>(field: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    throw new HttpError(400, { code: 'USAGE', message, hint, field });
  }
}
