import type { Json, JsonObject } from './assembly.ts';
import { templateFault, UNKNOWN_HINT } from './faults.ts';
import { readProperties, type SpecsContext } from './properties.ts';

/** A target of an EventBridge rule: a function or a queue. */
export interface RuleTarget {
  arn: string;
  /** The constant text that it gets instead of the event. */
  input: string | undefined;
}

export interface KeyPattern {
  prefix?: string;
  suffix?: string;
}

export interface RuleSpec {
  logicalId: string;
  /** Scheduled: the time between two firings, divided by the speed. */
  everyMs: number | undefined;
  /** On `Object Created` in one of the buckets, with a key that fits one of `keys` (all, where there are none). */
  created: { buckets: string[]; keys: KeyPattern[] } | undefined;
  targets: RuleTarget[];
}

/** The rules of a stack; a disabled one is left out. Throws a SluiceError `BAD_INPUT` for what is not known. */
export function readRules({ sorted, scope, speed }: SpecsContext): RuleSpec[] {
  return sorted.ids('AWS::Events::Rule').flatMap((id): RuleSpec[] => {
    const { logicalId, all, object, text } = readProperties(scope, id);
    if (String(text('State', 'ENABLED')).startsWith('DISABLED')) return [];
    const schedule = all['ScheduleExpression'];
    const pattern = object('EventPattern');
    return [
      {
        logicalId,
        everyMs: schedule === undefined ? undefined : rateMs(String(schedule), logicalId) / speed,
        created: pattern === undefined ? undefined : createdPattern(pattern, logicalId),
        targets: ((all['Targets'] ?? []) as JsonObject[]).map((target) => targetOf(target, id)),
      },
    ];
  });
}

const UNIT_MS: Readonly<Record<string, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/** 'rate(5 minutes)' in milliseconds; the only kind of schedule that is emulated. */
export function rateMs(expression: string, logicalId: string): number {
  const [, count, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression.trim()) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (!(ms > 0)) {
    throw templateFault(
      `Rule ${logicalId} has the schedule ${expression}; the emulator knows rate(<n> minutes|hours|days) only.`,
      UNKNOWN_HINT,
    );
  }
  return ms;
}

function targetOf(target: JsonObject, logicalId: string): RuleTarget {
  const strange = Object.keys(target).find(
    (name) => !['Arn', 'Id', 'Input', 'RetryPolicy'].includes(name),
  );
  const arn = String(target['Arn'] ?? '');
  if (strange !== undefined || !/^arn:aws:(lambda|sqs):/.test(arn)) {
    const what = strange === undefined ? arn : strange;
    throw templateFault(
      `Rule ${logicalId} has a target with ${what}; the emulator knows functions and queues with Input only.`,
      UNKNOWN_HINT,
    );
  }
  return { arn, input: target['Input'] === undefined ? undefined : String(target['Input']) };
}

/** The patterns that S3 uploads are usually caught by; anything else would silently never match. */
function createdPattern(pattern: JsonObject, logicalId: string): RuleSpec['created'] {
  const detail = (pattern['detail'] ?? {}) as JsonObject;
  const bucket = (detail['bucket'] ?? {}) as JsonObject;
  const object = (detail['object'] ?? {}) as JsonObject;
  const keys = (object['key'] ?? []) as Json[];
  const known =
    onlyKeys(pattern, ['source', 'detail-type', 'detail']) &&
    onlyKeys(detail, ['bucket', 'object']) &&
    onlyKeys(bucket, ['name']) &&
    onlyKeys(object, ['key']) &&
    sameList(pattern['source'], 'aws.s3') &&
    sameList(pattern['detail-type'], 'Object Created') &&
    keys.every(
      (key) => typeof key === 'object' && key !== null && onlyKeys(key, ['prefix', 'suffix']),
    );
  if (!known) {
    throw templateFault(
      `Rule ${logicalId} has the event pattern ${JSON.stringify(pattern)}; the emulator knows 'Object Created' of aws.s3 by bucket name and key prefix or suffix only.`,
      UNKNOWN_HINT,
    );
  }
  return {
    buckets: ((bucket['name'] ?? []) as Json[]).map(String),
    keys: keys as KeyPattern[],
  };
}

const onlyKeys = (value: Json, names: string[]): boolean =>
  Object.keys(value as JsonObject).every((name) => names.includes(name));
const sameList = (value: Json | undefined, only: string): boolean =>
  Array.isArray(value) && value.length === 1 && value[0] === only;
