import { SluiceError } from './errors.ts';
import type { Limits } from './job.ts';

/** How many failed items a batch tolerates; judged on at least `minSample` items when it is a share. */
export interface Tolerance {
  count?: number;
  percent?: number;
  minSample: number;
}

/** Items that must be done before a share is judged: 1 failure in 3 items says nothing about 1 %. */
const MIN_SAMPLE = 100;

export function toleranceOf(given: Limits['tolerateFailures']): Tolerance | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'object')
    return checkTolerance({ minSample: MIN_SAMPLE, ...definedOnly(given) }, given);
  const text = String(given).trim();
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent) return checkTolerance({ percent: Number(percent[1]), minSample: MIN_SAMPLE }, given);
  if (/^\d+$/.test(text)) return { count: Number(text), minSample: 0 };
  return checkTolerance({ minSample: -1 }, given);
}

function checkTolerance(tolerance: Tolerance, given: unknown): Tolerance {
  const { count = 0, percent = 0, minSample } = tolerance;
  if (percent >= 0 && percent <= 100 && Number.isInteger(count) && count >= 0 && minSample >= 0) {
    return tolerance;
  }
  throw new SluiceError(
    'USAGE',
    `tolerateFailures must be a count (50), a share from 0% to 100% ('1%'), or { count, percent, minSample }; got ${JSON.stringify(given)}.`,
  );
}

/** True when the failures so far are more than the batch tolerates. */
export function exceeds(tolerance: Tolerance | undefined, failed: number, done: number): boolean {
  if (tolerance === undefined) return false;
  if (tolerance.count !== undefined && failed > tolerance.count) return true;
  const { percent } = tolerance;
  return percent !== undefined && done >= tolerance.minSample && failed * 100 > percent * done;
}

export function definedOnly<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
