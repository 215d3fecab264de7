import type { Json, JsonObject, Template } from './assembly.ts';
import { templateFault, UNKNOWN_HINT } from './faults.ts';

/** What names stand for while a template's values are worked out. */
export interface Scope {
  template: Template;
  /** AWS::Region and the like. */
  pseudo: Readonly<Record<string, string>>;
  /** Value of `Ref` to a resource; undefined where the type has none that is known. */
  ref(logicalId: string): string | undefined;
  attribute(logicalId: string, name: string): string | undefined;
}

/** Where in the template a value stands, for messages: 'Worker.Environment'. */
type At = string;

/** Stands for AWS::NoValue until the property that holds it is left out. */
const NOTHING = Symbol('AWS::NoValue');
type Value = Json | typeof NOTHING;

/**
 * A value of the template with its intrinsic functions worked out. Throws a SluiceError `BAD_INPUT` that names
 * the place, for a function, resource or attribute that is not known.
 */
export function resolveValue(scope: Scope, value: Json, at: At): Json {
  const resolved = walk(scope, value, at);
  return resolved === NOTHING ? null : resolved;
}

function walk(scope: Scope, value: Json, at: At): Value {
  if (Array.isArray(value)) {
    return value.map((entry) => walk(scope, entry, at)).filter((entry) => entry !== NOTHING);
  }
  if (typeof value !== 'object' || value === null) return value;
  const [name, ...others] = Object.keys(value);
  if (name !== undefined && others.length === 0 && /^(Fn::|Ref$|Condition$)/.test(name)) {
    const known = FUNCTIONS[name];
    if (known === undefined) {
      throw templateFault(`${at} uses ${name}, which the emulator does not know.`, UNKNOWN_HINT);
    }
    // `Condition` is a function only inside conditions; elsewhere it is a policy's property.
    if (name !== 'Condition' || typeof value[name] === 'string') {
      return known(scope, value[name] as Json, at);
    }
  }
  const entries = Object.entries(value).flatMap(([key, entry]): [string, Json][] => {
    const resolved = walk(scope, entry, `${at}.${key}`);
    return resolved === NOTHING ? [] : [[key, resolved]];
  });
  return Object.fromEntries(entries);
}

const FUNCTIONS: Readonly<Record<string, (scope: Scope, argument: Json, at: At) => Value>> = {
  Ref: (scope, argument, at) => reference(scope, String(argument), at),
  'Fn::GetAtt': (scope, argument, at) => {
    const [id = '', ...path] = Array.isArray(argument)
      ? argument.map(String)
      : String(argument).split('.');
    return attribute(scope, { id, name: path.join('.') }, at);
  },
  'Fn::Sub': substitute,
  'Fn::Join': (scope, argument, at) => {
    const [separator, parts] = list(argument, at);
    return list(walk(scope, parts ?? null, at), at).join(text(separator, at));
  },
  'Fn::Select': (scope, argument, at) => {
    const [index, entries] = list(walk(scope, argument, at), at);
    const found = list(entries, at)[Number(index)];
    if (found === undefined)
      throw templateFault(`${at}: Fn::Select has no entry ${text(index, at)}.`);
    return found;
  },
  'Fn::Split': (scope, argument, at) => {
    const [separator, whole] = list(walk(scope, argument, at), at);
    return text(whole, at).split(text(separator, at));
  },
  'Fn::FindInMap': (scope, argument, at) => {
    const [map, first, second] = list(walk(scope, argument, at), at).map(String);
    const found = scope.template.Mappings?.[map ?? '']?.[first ?? '']?.[second ?? ''];
    if (found === undefined) throw templateFault(`${at}: no mapping ${map}.${first}.${second}.`);
    return found;
  },
  'Fn::If': (scope, argument, at) => {
    const [condition, then, otherwise] = list(argument, at);
    const chosen = holds(scope, text(condition, at)) ? then : otherwise;
    return walk(scope, chosen ?? null, at);
  },
  Condition: (scope, argument) => holds(scope, String(argument)),
  'Fn::Equals': (scope, argument, at) => {
    const [left, right] = list(walk(scope, argument, at), at);
    return JSON.stringify(left) === JSON.stringify(right);
  },
  'Fn::And': (scope, argument, at) => list(walk(scope, argument, at), at).every(isTrue),
  'Fn::Or': (scope, argument, at) => list(walk(scope, argument, at), at).some(isTrue),
  'Fn::Not': (scope, argument, at) => !isTrue(list(walk(scope, argument, at), at)[0]),
};

/** Whether a condition of the template holds. */
export function holds(scope: Scope, condition: string): boolean {
  const definition = scope.template.Conditions?.[condition];
  if (definition === undefined) throw templateFault(`The template has no condition ${condition}.`);
  return isTrue(resolveValue(scope, definition, `Conditions.${condition}`));
}

function reference(scope: Scope, name: string, at: At): Value {
  if (name === 'AWS::NoValue') return NOTHING;
  const pseudo = scope.pseudo[name];
  if (pseudo !== undefined) return pseudo;
  const parameter = scope.template.Parameters?.[name];
  // A parameter that is read from the account (AWS::SSM::Parameter::Value) has no value here.
  if (parameter !== undefined && !parameter.Type?.startsWith('AWS::SSM')) {
    if (parameter.Default !== undefined) return parameter.Default;
  }
  const value = scope.template.Resources[name] === undefined ? undefined : scope.ref(name);
  if (value === undefined) {
    throw templateFault(`${at} refers to ${name}, which has no value here.`, UNKNOWN_HINT);
  }
  return value;
}

function attribute(scope: Scope, { id, name }: { id: string; name: string }, at: At): string {
  const resource = scope.template.Resources[id];
  const value = resource === undefined ? undefined : scope.attribute(id, name);
  if (value === undefined) {
    const what = resource === undefined ? 'is not in the template' : `is an ${resource.Type}`;
    throw templateFault(
      `${at} asks for ${id}.${name}; ${id} ${what}, and that attribute is not known.`,
      UNKNOWN_HINT,
    );
  }
  return value;
}

function substitute(scope: Scope, argument: Json, at: At): string {
  const [pattern, own] = Array.isArray(argument) ? argument : [argument, {}];
  const names = walk(scope, own ?? {}, at) as JsonObject;
  return text(pattern, at).replaceAll(
    /\$\{(!?)([^}]+)\}/g,
    (_whole, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (names[name] !== undefined) return text(names[name], at);
      const [id = '', ...path] = name.trim().split('.');
      if (path.length > 0) return attribute(scope, { id, name: path.join('.') }, at);
      return text(reference(scope, id, at) as Json, at);
    },
  );
}

const isTrue = (value: Json | undefined): boolean => value === true || value === 'true';

function list(value: Value | undefined, at: At): Json[] {
  if (Array.isArray(value)) return value;
  throw templateFault(`${at}: an intrinsic function needs a list here.`);
}

function text(value: Json | undefined, at: At): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return String(value);
  }
  throw templateFault(`${at}: an intrinsic function needs a text here.`);
}
