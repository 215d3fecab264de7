import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { awsError } from '../../adapters/aws/errors.ts';
import { SluiceError } from '../../core/errors.ts';
import { explainStack } from './stack-errors.ts';

/** Concurrent executions of an account in a region. */
export interface AccountLimits {
  /** All of its functions together. */
  limit: number;
  /** What no function has reserved. */
  unreserved: number;
}

/** Asks Lambda (GetAccountSettings). Throws a SluiceError `STORE`. */
export async function accountLimits(): Promise<AccountLimits> {
  const client = new LambdaClient({ retryMode: 'standard' });
  try {
    const { AccountLimit: found } = await client.send(new GetAccountSettingsCommand({}));
    const { ConcurrentExecutions: limit, UnreservedConcurrentExecutions: unreserved } = found ?? {};
    if (limit !== undefined && unreserved !== undefined) return { limit, unreserved };
    throw new SluiceError('STORE', 'AWS Lambda did not tell the concurrency of the account.');
  } catch (error) {
    const asked = { what: 'the settings of AWS Lambda', action: 'lambda:GetAccountSettings' };
    throw awsError(explainStack(error, asked), 'cannot read the settings of AWS Lambda');
  } finally {
    client.destroy();
  }
}

/** AWS keeps so many executions for functions that reserve none (Lambda API reference, "PutFunctionConcurrency"). */
export const KEPT_UNRESERVED = 100;
/** What the stack reserves beside its workers: orchestrator and sweeper. */
export const OTHER_FUNCTIONS = { orchestrator: 10, sweeper: 1 } as const;

const sum = (parts: Readonly<Record<string, number>>): number =>
  Object.values(parts).reduce((total, one) => total + one, 0);

export interface Reservation {
  /** What the stack reserves in all. */
  needed: number;
  /** What it may reserve: all that is unreserved, and what it has reserved already, but for what AWS keeps. */
  available: number;
}

/**
 * Whether a stack of these workers can reserve what it needs. A stack that is deployed already counts as
 * reserving, unless the account has not even that much reserved.
 */
export function reservationOf(
  { limit, unreserved }: AccountLimits,
  workers: Readonly<Record<string, number>>,
  deployedWorkers: Readonly<Record<string, number>> | undefined,
): Reservation {
  const needed = sum(workers) + sum(OTHER_FUNCTIONS);
  const wouldHave = deployedWorkers === undefined ? 0 : sum(deployedWorkers) + sum(OTHER_FUNCTIONS);
  const own = wouldHave <= limit - unreserved ? wouldHave : 0;
  return { needed, available: Math.max(0, unreserved + own - KEPT_UNRESERVED) };
}
