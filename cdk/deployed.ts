import { type CfnResource, Stack } from 'aws-cdk-lib';
import type { Consumer } from './alarms.ts';
import type { Deployed } from './caps.ts';

type Properties = Readonly<Record<string, unknown>>;

/** A consumer as the template will have it, overrides through the constructs included. */
export function deployedOf({ granted: { id, fn }, line }: Consumer): Deployed {
  const lambda = propertiesOf(fn.node.defaultChild as CfnResource);
  const queue = propertiesOf(line.queue.node.defaultChild as CfnResource);
  const mapping = fn.node.scope?.node.findChild(`${id}Source`).node.defaultChild as CfnResource;
  const scaling = propertiesOf(mapping)['ScalingConfig'] as Properties | undefined;
  const redrive = queue['RedrivePolicy'] as Properties | undefined;
  return {
    name: id,
    queue: line.id,
    timeoutS: Number(lambda['Timeout'] ?? DEFAULT_TIMEOUT_S),
    visibilityS: Number(queue['VisibilityTimeout'] ?? DEFAULT_VISIBILITY_S),
    reserved: numberOf(lambda['ReservedConcurrentExecutions']),
    maxConcurrency: numberOf(scaling?.['MaximumConcurrency']),
    maxReceives: numberOf(redrive?.['maxReceiveCount']),
    recursiveLoop: lambda['RecursiveLoop'] as string | undefined,
  };
}

/** What AWS takes where a template says nothing. */
const DEFAULT_TIMEOUT_S = 3;
const DEFAULT_VISIBILITY_S = 30;

const numberOf = (value: unknown): number | undefined =>
  value === undefined ? undefined : Number(value);

/** `_toCloudFormation` is the one place where property overrides are already applied. */
function propertiesOf(resource: CfnResource): Properties {
  const { _toCloudFormation: render } = resource as unknown as {
    _toCloudFormation(): { Resources: Record<string, { Properties?: Properties }> };
  };
  const rendered = Stack.of(resource).resolve(render.call(resource)) as ReturnType<typeof render>;
  const [only] = Object.values(rendered.Resources);
  return only?.Properties ?? {};
}
