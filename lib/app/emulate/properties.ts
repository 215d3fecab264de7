import type { Json, JsonObject, StackAssembly } from './assembly.ts';
import { templateFault } from './faults.ts';
import { resolveValue, type Scope } from './intrinsics.ts';
import type { SortedResources } from './resource-types.ts';

/** What reading a stack's resources needs. */
export interface SpecsContext {
  assembly: StackAssembly;
  scope: Scope;
  sorted: SortedResources;
  /** Times are divided by it. */
  speed: number;
}

/** One resource's properties with all intrinsic functions worked out, read by type. */
export interface Properties {
  logicalId: string;
  all: JsonObject;
  /** A text; '@name' and '@arn' are the resource's own. Throws where it is absent and has no default. */
  text(name: string, otherwise?: string): string;
  number(name: string, otherwise: number, from?: JsonObject): number;
  object(name: string): JsonObject | undefined;
}

/** The properties of resource `logicalId`. Throws a SluiceError `BAD_INPUT` that names the property. */
export function readProperties(scope: Scope, logicalId: string): Properties {
  const resource = scope.template.Resources[logicalId];
  const all = resolveValue(scope, resource?.Properties ?? {}, logicalId) as JsonObject;
  const fault = (name: string, wanted: string, value: Json | undefined) =>
    templateFault(
      `Resource ${logicalId} (${resource?.Type}): ${name} must be ${wanted}; it is ${JSON.stringify(value) ?? 'not there'}.`,
    );
  return {
    logicalId,
    all,
    text(name, otherwise) {
      if (name === '@name') return nameOf(scope, logicalId);
      if (name === '@arn') return scope.attribute(logicalId, 'Arn') ?? logicalId;
      const value = all[name] ?? otherwise;
      if (typeof value !== 'string') throw fault(name, 'a text', value);
      return value;
    },
    number(name, otherwise, from = all) {
      const value = from[name];
      if (value === undefined) return otherwise;
      // CloudFormation takes numbers written as texts.
      const number = typeof value === 'string' ? Number(value) : value;
      if (typeof number !== 'number' || !(number >= 0)) {
        throw fault(name, 'a number that is not negative', value);
      }
      return number;
    },
    object(name) {
      const value = all[name];
      if (value === undefined) return undefined;
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
      throw fault(name, 'an object', value);
    },
  };
}

/** A queue's Ref is its URL; everybody else's is the name. */
const nameOf = (scope: Scope, logicalId: string): string =>
  (scope.ref(logicalId) ?? logicalId).split('/').at(-1) ?? logicalId;
