import { SluiceError } from '../../core/errors.ts';
import type { Route } from './deliveries.ts';
import { templateFault } from './faults.ts';
import type { FunctionPool } from './function-pool.ts';
import { holds, resolveValue, type Scope } from './intrinsics.ts';
import { nameOfArn } from './names.ts';
import type { StackOutput } from './own-answers.ts';
import type { StackSpecs } from './specs.ts';

/** By logical id, name or ARN, in any case. */
export function findFunction(
  pools: ReadonlyMap<string, FunctionPool>,
  name: string,
): FunctionPool | undefined {
  const wanted = nameOfArn(name).toLowerCase();
  return [...pools.values()].find(({ spec }) =>
    [spec.name, spec.logicalId].some((known) => known.toLowerCase() === wanted),
  );
}

/** Throws a SluiceError `NOT_FOUND` that lists the functions. */
export function unknownFunction(name: string, { functions }: StackSpecs): never {
  const known = functions.map(({ logicalId }) => logicalId).join(', ') || 'none';
  throw new SluiceError('NOT_FOUND', `The stack has no function ${name}; it has: ${known}.`);
}

/** The stack's outputs, resolved. */
export function outputsOf(scope: Scope): StackOutput[] {
  return Object.entries(scope.template.Outputs ?? {})
    .filter(([, { Condition }]) => Condition === undefined || holds(scope, Condition))
    .map(([key, { Value, Description }]) => {
      const value = resolveValue(scope, Value, `Outputs.${key}`);
      return { key, value: String(value), description: Description };
    });
}

/** Everything that events are sent to must be a function or a queue of this stack. */
export function checkTargets(
  { functions, queues, rules }: StackSpecs,
  routes: readonly Route[],
): void {
  const known = new Set([...functions, ...queues].map(({ arn }) => arn));
  const targets = [
    ...routes.map(({ id, target }) => ({ id, target })),
    ...rules.flatMap(({ logicalId: id, targets: own }) =>
      own.map(({ arn: target }) => ({ id, target })),
    ),
  ];
  const strange = targets.find(({ target }) => !known.has(target));
  if (strange !== undefined) {
    throw templateFault(`${strange.id} sends to ${strange.target}, which is not in this stack.`);
  }
}

/**
 * A function's SLUICE_SECRETS ({NAME: name in Secrets Manager}) says which variable of the emulator's environment
 * holds a secret; a secret that none names is looked up under its own name.
 */
export function secretFinder(
  functions: StackSpecs['functions'],
  env: Readonly<Record<string, string | undefined>>,
): (id: string) => string | undefined {
  const variables = new Map<string, string>();
  for (const { environment } of functions) {
    const named = JSON.parse(environment['SLUICE_SECRETS'] || '{}') as Record<string, string>;
    for (const [variable, name] of Object.entries(named)) variables.set(name, variable);
  }
  return (id) => env[variables.get(id) ?? id] ?? env[id];
}
