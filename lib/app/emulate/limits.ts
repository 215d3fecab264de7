import { SluiceError } from '../../core/errors.ts';
import { templateFault } from './faults.ts';
import type { FunctionSpec } from './specs.ts';

/** Concurrent executions of an account, unless AWS was asked for another number (lambda/latest/dg/gettingstarted-limits). */
const ACCOUNT_CONCURRENCY = 1000;
/** An account must keep this many that are not reserved (lambda/latest/dg/configuration-concurrency). */
const UNRESERVED_MIN = 100;

/** The environments that functions without reserved concurrency share. */
export interface SharedConcurrency {
  take(): (() => void) | undefined;
}

/**
 * What reserved concurrency leaves to all others. Throws a SluiceError `BAD_INPUT` where AWS would refuse the
 * reservation: a new account may have 10 concurrent executions, and then can reserve none.
 */
export function sharedConcurrency(
  functions: readonly Pick<FunctionSpec, 'reserved'>[],
  account = ACCOUNT_CONCURRENCY,
): SharedConcurrency {
  const reserved = functions.reduce((sum, spec) => sum + (spec.reserved ?? 0), 0);
  let free = account - reserved;
  if (reserved > 0 && free < Math.min(UNRESERVED_MIN, account)) {
    throw templateFault(
      `The stack reserves ${reserved} concurrent executions of an account's ${account}; ${UNRESERVED_MIN} must stay unreserved.`,
      "Lower the jobs' workers, deploy with -c reserve=false, or say what your account has: --account-concurrency.",
    );
  }
  return {
    take() {
      if (free <= 0) return undefined;
      free -= 1;
      return () => {
        free += 1;
      };
    },
  };
}

/** Far beyond it the emulator's own work, which no speed divides, is longer than any time-out. */
const SPEED_MAX = 1000;

/** Throws a SluiceError `USAGE` for a speed that is none. */
export function checkSpeed(speed: number): number {
  if (speed >= 1 && speed <= SPEED_MAX) return speed;
  throw new SluiceError(
    'USAGE',
    `--speed must be from 1 to ${SPEED_MAX} (times as fast); got ${speed}.`,
  );
}
