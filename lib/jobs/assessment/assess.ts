import { type Assertion, compare, readAssertions } from './assertion.ts';
import {
  AGAINST,
  createEvaluator,
  type Evaluation,
  FOR,
  STATES,
  type State,
  type Strategy,
} from './evaluate.ts';
import type { Framework } from './framework.ts';

/** Which competencies an outcome lists. */
export const DETAILS = ['asserted', 'all', 'none'] as const;

/** A type and no interface: the options of a step are a record of anything. */
export type AssessmentRules = {
  /** Only assertions at this very level count; without it, those of every level and of none. */
  level?: string | undefined;
  /** Assertions with less confidence do not count; 0 to 1. */
  minConfidence: number;
  /** `asserted`: competencies with an assertion that counts. */
  details: (typeof DETAILS)[number];
  strategy: Strategy;
};

export interface Judged {
  state: State;
  /**
   * What the state rests on, sorted: ids of assertions, then ids of competencies (equivalents with assertions
   * of their own, and neighbours that spoke for or against it). At most 20.
   */
  because: string[];
  /** How many more there are. */
  more?: number;
}

/** The assessment of one agent: how many competencies of the framework are in each state. */
export interface Assessment extends Record<State, number> {
  /** By competency id, in the framework's order. */
  competencies?: Record<string, Judged>;
}

/** Reasons that an outcome lists for one competency: with a whole of 1,000 parts it would hold them all. */
const BECAUSE_LIMIT = 20;

/**
 * Prepares a framework for many agents.
 * @returns assesses one agent by its assertions at `now` (milliseconds since 1970); undefined if none of them counts.
 * It throws a PermanentError for an assertion that is wrong, see `readAssertions`.
 */
export function createAssessor(
  framework: Framework,
  rules: AssessmentRules,
): (assertions: readonly unknown[], now: number) => Assessment | undefined {
  const { groupOf, size } = framework.graph;
  const evaluate = createEvaluator(framework.graph, rules.strategy);
  return (values, now) => {
    const assertions = readAssertions(framework, values).filter(
      ({ from, until, confidence, level }) =>
        from <= now &&
        until > now &&
        confidence >= rules.minConfidence &&
        (rules.level === undefined || level === rules.level),
    );
    if (assertions.length === 0) return undefined;
    const direct = new Uint8Array(size);
    for (const { place, negative } of assertions) {
      const group = groupOf[place] as number;
      direct[group] = (direct[group] as number) | (negative ? AGAINST : FOR);
    }
    const evaluation = evaluate(direct);
    const counts = countStates(framework, evaluation);
    if (rules.details === 'none') return counts;
    const byPlace = labelsByPlace(assertions);
    const places =
      rules.details === 'all' ? framework.ids.keys() : [...byPlace.keys()].sort((a, b) => a - b);
    const competencies = Array.from(places, (place): [string, Judged] => [
      framework.ids[place] as string,
      judge(framework, { place, byPlace, evaluation }),
    ]);
    return { ...counts, competencies: Object.fromEntries(competencies) };
  };
}

function countStates({ graph }: Framework, { states }: Evaluation): Assessment {
  const byState = [0, 0, 0, 0];
  for (const group of graph.groupOf) {
    const state = states[group] as number;
    byState[state] = (byState[state] as number) + 1;
  }
  const [unknown, held, notHeld, indeterminate] = byState as [number, number, number, number];
  return { held, notHeld, indeterminate, unknown };
}

function labelsByPlace(assertions: readonly Assertion[]): Map<number, Set<string>> {
  const byPlace = new Map<number, Set<string>>();
  for (const { place, label } of assertions) {
    const labels = byPlace.get(place);
    if (labels === undefined) byPlace.set(place, new Set([label]));
    else labels.add(label);
  }
  return byPlace;
}

interface Asked {
  place: number;
  byPlace: ReadonlyMap<number, ReadonlySet<string>>;
  evaluation: Evaluation;
}

function judge(framework: Framework, asked: Asked): Judged {
  const { place, byPlace, evaluation } = asked;
  const { groupOf } = framework.graph;
  const state = STATES[evaluation.states[groupOf[place] as number] as number] as State;
  const own = [...(byPlace.get(place) ?? [])].sort(compare);
  const others = [...neighbours(framework, asked)]
    .map((other) => framework.ids[other] as string)
    .sort(compare);
  const because = [...own, ...others];
  const more = because.length - BECAUSE_LIMIT;
  return more > 0 ? { state, because: because.slice(0, BECAUSE_LIMIT), more } : { state, because };
}

/** Places of the competencies that have a say in this one's state. */
function neighbours({ graph }: Framework, { place, byPlace, evaluation }: Asked): Set<number> {
  const { groupOf, members, edges, downStart, down, upStart, up } = graph;
  const { below, rolled, told } = evaluation;
  const group = groupOf[place] as number;
  const found = new Set<number>();
  for (const member of members[group] as readonly number[]) {
    if (member !== place && byPlace.has(member)) found.add(member);
  }
  for (const edge of down.subarray(downStart[group], downStart[group + 1])) {
    const objects = below[edges.lower[edge] as number] === AGAINST;
    const supports = rolled[group] === 1 && edges.part[edge] === 1;
    if (objects || supports) found.add(edges.lowerPlace[edge] as number);
  }
  for (const edge of up.subarray(upStart[group], upStart[group + 1])) {
    if (told[edge] === 1) found.add(edges.upperPlace[edge] as number);
  }
  return found;
}
