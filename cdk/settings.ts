import { parseDuration } from '../lib/core/duration.ts';
import { SluiceError } from '../lib/core/errors.ts';

const DAY_MS = 86_400_000;

/** Settings of a stack, beside its jobs. */
export interface StackSettings {
  /** A worker starts no item after this: '20s' unless told, '1s' to '870s'. */
  budget?: string;
  /** False: no reserved concurrency (an account with a quota of 10 can reserve none); the event source alone caps. */
  reserve?: boolean;
  /** Records of a batch expire so long after its end, in whole days ('90d'); default: never. */
  keep?: string;
  /** Batches leave the list so long after later rounds resolved their last failure, in whole days; default: never. */
  purgeResolved?: string;
  /** Parts and reports expire so long after they were written, '30d' or more; default: never. */
  keepReports?: string;
  /** What jobs find in their environment: variable name -> name or ARN of a Secrets Manager secret. */
  secrets?: Readonly<Record<string, string>>;
  /** ARN of an SNS topic that hears of alarms. */
  alarmTopic?: string;
  /** The account's quota of concurrent executions; given, synth checks that the caps fit. */
  accountConcurrency?: number;
}

/** Settings with their defaults, checked. */
export interface CheckedSettings {
  budgetMs: number;
  reserve: boolean;
  keepDays: number | undefined;
  purgeResolvedDays: number | undefined;
  keepReportDays: number | undefined;
  secrets: Readonly<Record<string, string>>;
  alarmTopic: string | undefined;
  accountConcurrency: number | undefined;
}

const DEFAULT_BUDGET = '20s';
const MIN_BUDGET_MS = 1000;
/** 900 s of AWS Lambda, less the shortest itemTimeout and 10 s to end. */
const MAX_BUDGET_MS = 870_000;
/** Expiry counts from the writing of each object: a batch must have ended by then. */
const MIN_REPORT_DAYS = 30;

/** Throws a SluiceError USAGE that names the setting, the bound and the value. */
export function checkSettings(given: StackSettings): CheckedSettings {
  const budgetMs = parseDuration('budget', given.budget ?? DEFAULT_BUDGET);
  if (budgetMs < MIN_BUDGET_MS || budgetMs > MAX_BUDGET_MS) {
    throw usage(`budget must be 1s to 870s; got '${given.budget}'.`);
  }
  const keepDays = daysOf('keep', given.keep, 1);
  const keepReportDays = daysOf('keepReports', given.keepReports, MIN_REPORT_DAYS);
  if (keepReportDays !== undefined && keepReportDays < (keepDays ?? 0)) {
    throw usage(
      `keepReports ${keepReportDays}d is less than keep ${keepDays}d: records would point to parts that are gone.`,
      'Make keepReports at least keep.',
    );
  }
  return {
    budgetMs,
    reserve: given.reserve ?? true,
    keepDays,
    purgeResolvedDays: daysOf('purgeResolved', given.purgeResolved, 1),
    keepReportDays,
    secrets: checkSecrets(given.secrets ?? {}),
    alarmTopic: checkTopic(given.alarmTopic),
    accountConcurrency: checkAccount(given.accountConcurrency),
  };
}

function daysOf(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const days = parseDuration(name, text) / DAY_MS;
  if (Number.isInteger(days) && days >= least) return days;
  throw usage(`${name} must be whole days, ${least}d or more; got '${text}'.`);
}

function checkSecrets(secrets: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [variable, name] of Object.entries(secrets)) {
    if (
      !/^[A-Z][A-Z0-9_]{0,63}$/.test(variable) ||
      /^(AWS|LAMBDA|SLUICE|POWERTOOLS)_/.test(variable)
    ) {
      throw usage(
        `secrets: '${variable}' must be capitals, digits and _, at most 64, and not begin with AWS_, LAMBDA_, SLUICE_ or POWERTOOLS_.`,
      );
    }
    // Characters of a secret's name (Secrets Manager, CreateSecret); an ARN adds the colon.
    if (typeof name !== 'string' || !/^[\w/+=.@:-]{1,512}$/.test(name)) {
      throw usage(
        `secrets: '${variable}' must give the name or ARN of a Secrets Manager secret; got ${JSON.stringify(name)}.`,
      );
    }
  }
  return secrets;
}

function checkTopic(arn: string | undefined): string | undefined {
  if (arn === undefined || /^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+$/.test(arn)) return arn;
  throw usage(
    `alarmTopic must be the ARN of a standard SNS topic, such as arn:aws:sns:eu-west-1:123456789012:alarms; got '${arn}'.`,
  );
}

function checkAccount(quota: number | undefined): number | undefined {
  if (quota === undefined || (Number.isInteger(quota) && quota >= 1)) return quota;
  throw usage(
    `accountConcurrency must be a whole number of at least 1; got ${quota}.`,
    "It is 'Concurrent executions' of AWS Lambda in Service Quotas.",
  );
}

export const usage = (message: string, hint?: string): SluiceError =>
  new SluiceError('USAGE', message, hint === undefined ? {} : { hint });
