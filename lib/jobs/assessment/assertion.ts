import * as z from 'zod/mini';
import { PermanentError } from '../../index.ts';
import type { Framework } from './framework.ts';
import { instantOf } from './instant.ts';
import { isObject, type ObjectOf, said } from './json.ts';

/** One line of the input: an agent, or only its id as a text. `readAssertions` checks each assertion, and names it. */
export const agentRecord = z.pipe(
  z.transform((line: unknown) => (typeof line === 'string' ? { agent: line } : line)),
  z.object({
    /** Who is assessed; the item's key. */
    agent: z.string().check(z.minLength(1), z.maxLength(512)),
    /** Without them they are fetched from a CaSS server. */
    assertions: z.optional(z.array(z.unknown())),
  }),
);
export type AgentRecord = z.infer<typeof agentRecord>;

/** A claim that the agent holds a competency, or does not. */
export interface Assertion {
  /** Its id; without one, its kind and date. */
  label: string;
  /** Place of the competency in the framework. */
  place: number;
  negative: boolean;
  /** 0 to 1. */
  confidence: number;
  level: string | undefined;
  /** Milliseconds since 1970: it counts from `from` on and before `until`. */
  from: number;
  until: number;
}

interface Fault {
  code: string;
  message: string;
}

/**
 * Checks an agent's assertions: {id?, competency, level?, confidence?, assertionDate, expirationDate?,
 * evidence?, negative?}. Dates are ISO 8601 or milliseconds since 1970. A missing confidence is 1.
 * @throws PermanentError (`BAD_ASSERTION`, `UNKNOWN_COMPETENCY`, `BAD_CONFIDENCE`, `BAD_DATE`,
 * `DUPLICATE_ASSERTION`) that names the assertion, the field, the bound and the value; of several faults the
 * one whose text comes first, so that it does not depend on the order of the assertions
 */
export function readAssertions(framework: Framework, values: readonly unknown[]): Assertion[] {
  const assertions: Assertion[] = [];
  const faults: Fault[] = [];
  const seen = new Map<string, number>();
  for (const [at, value] of values.entries()) {
    const id = isObject(value) && typeof value['id'] === 'string' ? value['id'] : undefined;
    const name = id === undefined ? `Assertion ${at + 1} of ${values.length}` : assertionName(id);
    const read = readAssertion(framework, value, name);
    if ('code' in read) faults.push(read);
    else assertions.push(read);
    if (id !== undefined) seen.set(id, (seen.get(id) ?? 0) + 1);
  }
  for (const [id, times] of seen) {
    if (times === 1) continue;
    faults.push({
      code: 'DUPLICATE_ASSERTION',
      message: `${assertionName(id)}: its id must occur once among the agent's assertions; it occurs ${times} times.`,
    });
  }
  const [first, ...others] = faults.sort((a, b) => compare(a.message, b.message));
  if (first === undefined) return assertions;
  const more =
    others.length === 0 ? '' : ` ${others.length} more of the agent's assertions are wrong.`;
  throw new PermanentError(first.message + more, { code: first.code });
}

const assertionName = (id: string): string => `Assertion ${said(id)}`;

/** Order by code units: the same on every machine and in every locale. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function readAssertion(framework: Framework, value: unknown, name: string): Assertion | Fault {
  const wrong = (code: string, field: string, must: string): Fault => {
    const given = isObject(value) && Object.hasOwn(value, field) ? said(value[field]) : 'nothing';
    return { code, message: `${name}: ${field} must be ${must}; got ${given}.` };
  };
  if (!isObject(value)) {
    return { code: 'BAD_ASSERTION', message: `${name} must be an object; got ${said(value)}.` };
  }
  const shape = wrongShape(value);
  if (shape !== undefined) return wrong('BAD_ASSERTION', shape.field, shape.must);
  const place = framework.places.get(value['competency'] as string);
  if (place === undefined) {
    const count = framework.ids.length;
    return wrong('UNKNOWN_COMPETENCY', 'competency', `one of the framework's ${count}`);
  }
  const confidence = value['confidence'] ?? 1;
  // The negation also refuses NaN, which no JSON holds but a caller from code may.
  if (typeof confidence !== 'number' || !(confidence >= 0 && confidence <= 1)) {
    return wrong('BAD_CONFIDENCE', 'confidence', 'a number from 0 to 1');
  }
  const from = instantOf(value['assertionDate']);
  if (from === undefined) return wrong('BAD_DATE', 'assertionDate', A_DATE);
  const { expirationDate } = value;
  const until = isGiven(expirationDate) ? instantOf(expirationDate) : Number.POSITIVE_INFINITY;
  if (until === undefined) return wrong('BAD_DATE', 'expirationDate', A_DATE);
  const negative = value['negative'] === true;
  const label =
    (value['id'] as string | undefined) ??
    `${negative ? 'negative assertion' : 'assertion'} of ${new Date(from).toISOString()}`;
  const level = (value['level'] ?? undefined) as string | undefined;
  return { label, place, negative, confidence, level, from, until };
}

const A_DATE = 'a date with its zone, such as 2026-01-31T09:00:00Z, or milliseconds since 1970';

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';

/** Evidence is only looked at: its text stays in the input, where the assertion's id finds it. */
const SHAPES: readonly { field: string; must: string; fits(value: unknown): boolean }[] = [
  { field: 'id', must: 'a text', fits: (value) => value === undefined || isText(value) },
  { field: 'competency', must: 'the id of a competency', fits: isText },
  { field: 'level', must: 'a text', fits: (value) => !isGiven(value) || isText(value) },
  {
    field: 'negative',
    must: 'true or false',
    fits: (value) => !isGiven(value) || typeof value === 'boolean',
  },
  {
    field: 'evidence',
    must: 'a text or a list of texts',
    fits: (value) => !isGiven(value) || [value].flat().every((text) => typeof text === 'string'),
  },
];

function wrongShape(value: ObjectOf): { field: string; must: string } | undefined {
  return SHAPES.find(({ field, fits }) => !fits(value[field]));
}
