import { CfnElement } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** Gives a construct's resource the logical id that people, alarms and acknowledgements name. */
export function stableId(construct: Construct, id: string): void {
  const element = construct.node.defaultChild ?? construct;
  if (!CfnElement.isCfnElement(element)) throw new Error(`${construct.node.path} has no resource.`);
  element.overrideLogicalId(id);
}
