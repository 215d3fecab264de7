import {
  type AccountLimits,
  accountLimits,
  KEPT_UNRESERVED,
  OTHER_FUNCTIONS,
  reservationOf,
} from '../app/aws/account-limits.ts';
import { currentRegion, type DescribedStack, describeStack } from '../app/aws/describe-stack.ts';
import { readOutputs } from '../app/aws/stack-outputs.ts';
import { type CdkContext, readCdkContext, workersOf } from '../app/cdk-context.ts';
import type { SluiceError } from '../core/errors.ts';
import { type Check, showChecks } from './checks.ts';
import type { Cli } from './terminal.ts';
import { refuseStack } from './with-place.ts';

/** aws-cdk-lib 2.276, DefaultStackSynthesizer: MIN_BOOTSTRAP_STACK_VERSION. */
const BOOTSTRAP_VERSION = 6;
const TOOLKIT = 'CDKToolkit';

/** What a deployment from this folder needs of the AWS account, a line each; exit 1 when it cannot be deployed. */
export async function doctorAwsCommand(cli: Cli): Promise<number> {
  refuseStack(cli, 'doctor', 'The name of the stack is read from cdk.json; leave --stack out.');
  const region = await attempt('region', currentRegion);
  if ('problem' in region) return showChecks(cli, [region.problem]);
  const checks: Check[] = [{ name: 'region', status: 'ok', detail: region.value }];
  const toolkit = await attempt('credentials', () => describeStack(TOOLKIT));
  if ('problem' in toolkit) return showChecks(cli, [...checks, toolkit.problem]);
  checks.push(credentialsCheck(toolkit.value), bootstrapCheck(toolkit.value, region.value));
  checks.push(...(await capChecks()));
  return showChecks(cli, checks);
}

type Attempt<T> = { value: T } | { problem: Check };

/** A fault is a failed check, with its hint as what to do next. */
async function attempt<T>(name: string, look: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    const { message, hint } = error as SluiceError;
    const detail = hint === undefined ? message : `${message} ${hint}`;
    return { problem: { name, status: 'fail', detail } };
  }
}

/** `arn:aws:cloudformation:<region>:<account>:stack/...` */
function credentialsCheck(toolkit: DescribedStack | undefined): Check {
  const account = toolkit?.arn.split(':')[4];
  const detail =
    account === undefined
      ? 'accepted; which account they are of is not known before the bootstrap'
      : `accepted, of account ${account}`;
  return { name: 'credentials', status: 'ok', detail };
}

function bootstrapCheck(toolkit: DescribedStack | undefined, region: string): Check {
  const next = 'Run once per account and region: npx cdk bootstrap';
  if (toolkit === undefined) {
    const detail = `${region} has no stack ${TOOLKIT}. ${next}`;
    return { name: 'bootstrap', status: 'fail', detail };
  }
  const version = Number(toolkit.outputs['BootstrapVersion']);
  const detail = `version ${Number.isNaN(version) ? 'unknown' : version}, ${BOOTSTRAP_VERSION} or later is needed`;
  return version >= BOOTSTRAP_VERSION
    ? { name: 'bootstrap', status: 'ok', detail }
    : { name: 'bootstrap', status: 'fail', detail: `${detail}. Update it: npx cdk bootstrap` };
}

async function capChecks(): Promise<Check[]> {
  const limits = await attempt('concurrency', accountLimits);
  if ('problem' in limits) return [limits.problem];
  const { limit, unreserved } = limits.value;
  const concurrency: Check = {
    name: 'concurrency',
    status: 'ok',
    detail: `the account runs ${limit} at once, ${unreserved} of them unreserved; AWS keeps ${KEPT_UNRESERVED} of those`,
  };
  const wanted = await attempt('caps', async () => {
    const context = readCdkContext('.');
    return { context, workers: await workersOf(context.jobs) };
  });
  if ('problem' in wanted) return [concurrency, wanted.problem];
  const deployed = await attempt('caps', () => describeStack(wanted.value.context.stack));
  if ('problem' in deployed) return [concurrency, deployed.problem];
  return [
    concurrency,
    capsCheck(limits.value, { ...wanted.value, deployed: workersDeployed(deployed.value) }),
  ];
}

/** Undefined where nothing of ours is deployed under the name. */
function workersDeployed(stack: DescribedStack | undefined): Record<string, number> | undefined {
  if (stack === undefined) return undefined;
  try {
    const { jobs } = readOutputs('', stack.outputs);
    return Object.fromEntries(Object.entries(jobs).map(([name, { workers }]) => [name, workers]));
  } catch {
    return undefined;
  }
}

interface Wanted {
  context: CdkContext;
  workers: Record<string, number>;
  deployed: Record<string, number> | undefined;
}

function capsCheck(limits: AccountLimits, { context, workers, deployed }: Wanted): Check {
  const { needed, available } = reservationOf(limits, workers, deployed);
  const parts = Object.entries({ ...workers, ...OTHER_FUNCTIONS })
    .map(([name, cap]) => `${name} ${cap}`)
    .join(' + ');
  const { limit } = limits;
  if (!context.reserve) {
    const detail = `reserve=false: nothing is reserved; caps ${parts} = ${needed} share ${limit} with all functions of the account`;
    return needed <= limit
      ? { name: 'caps', status: 'ok', detail }
      : { name: 'caps', status: 'warn', detail: `${detail}, which is less. ${raise(needed)}` };
  }
  const detail = `stack ${context.stack} reserves ${parts} = ${needed}; ${available} can be reserved`;
  if (needed <= available) return { name: 'caps', status: 'ok', detail };
  const most = available - Object.values(OTHER_FUNCTIONS).reduce((sum, one) => sum + one, 0);
  const lower = most > 0 ? `Lower 'workers' of the jobs to ${most} in all, deploy` : 'Deploy';
  return {
    name: 'caps',
    status: 'fail',
    detail: `${detail}. ${lower} with -c reserve=false, or raise the quota. ${raise(limit + needed - available)}`,
  };
}

/** The default quota of Lambda; a new account may have less ("Lambda quotas"). */
const DEFAULT_QUOTA = 1000;

const raise = (wanted: number): string =>
  `Quota: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value ${Math.max(DEFAULT_QUOTA, wanted)}`;
