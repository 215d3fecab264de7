import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { awsError } from '../../adapters/aws/errors.ts';
import { explainStack } from './stack-errors.ts';

/** A stack as CloudFormation tells of it. */
export interface DescribedStack {
  /** `arn:aws:cloudformation:<region>:<account>:stack/<name>/<id>`. */
  arn: string;
  outputs: Record<string, string>;
}

/**
 * A stack of the account and region that the SDK's own environment names; undefined when there is none.
 * Throws a SluiceError `STORE`: no credentials, no region, no right, expired.
 */
export async function describeStack(name: string): Promise<DescribedStack | undefined> {
  const client = new CloudFormationClient({ retryMode: 'standard' });
  try {
    const { Stacks: [found] = [] } = await client.send(
      new DescribeStacksCommand({ StackName: name }),
    );
    if (found === undefined) return undefined;
    const { StackId: arn = '', Outputs: outputs = [] } = found;
    const pairs = outputs.map(({ OutputKey: key, OutputValue: value }) => [key, value ?? '']);
    return { arn, outputs: Object.fromEntries(pairs) as Record<string, string> };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    const asked = { what: `stack ${name}`, action: 'cloudformation:DescribeStacks' };
    throw awsError(explainStack(error, asked), `cannot read stack ${name}`);
  } finally {
    client.destroy();
  }
}

/** CloudFormation API reference, DescribeStacks: an absent stack is a ValidationError. */
const isAbsent = (error: unknown): boolean =>
  (error as { name?: string }).name === 'ValidationError' &&
  /does not exist/.test((error as Error).message);

/** The region that the SDK's own chain gives: AWS_REGION, then the profile. Throws a SluiceError `STORE`. */
export async function currentRegion(): Promise<string> {
  const client = new CloudFormationClient({});
  try {
    return await client.config.region();
  } catch (error) {
    throw awsError(explainStack(error, { what: 'AWS' }), 'cannot tell the region');
  } finally {
    client.destroy();
  }
}
