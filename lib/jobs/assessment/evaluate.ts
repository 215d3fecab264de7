import type { Graph } from './graph.ts';

/** A state is a set of two bits, for and against: none, both, or one of them. */
export const FOR = 1;
export const AGAINST = 2;
export const STATES = ['unknown', 'held', 'notHeld', 'indeterminate'] as const;
export type State = (typeof STATES)[number];

/** How a competency whose parts are all held is judged; the words are CaSS's own (its page "Relation"). */
export const STRATEGIES = ['pessimistic', 'optimistic'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** What one evaluation found. The arrays are reused by the next one. */
export interface Evaluation {
  /** Bits of each group. */
  readonly states: Uint8Array;
  /** Bits of each group from its own assertions and from what is below it. */
  readonly below: Uint8Array;
  /** 1: all parts of the group are held, and the strategy takes that for holding the whole. */
  readonly rolled: Uint8Array;
  /** By edge, 1: the upper group is held, which speaks for the lower one. */
  readonly told: Uint8Array;
}

/**
 * Evaluates a framework for one agent after another, each in time linear in the framework: one pass from the
 * lowest groups up, one from the highest down, no recursion. The rule, from the guide's steps 3 to 5:
 *
 * - assertions for a competency and against it are bits; one kind decides, both make it indeterminate;
 * - a group that is not held speaks against each group above it (P broadens or requires C, C = F: P is F);
 * - a group that is held speaks for each group below it (P narrows or is required by C, C = T: P is T);
 * - what is indeterminate or unknown says nothing to others;
 * - no group hears its own word again: what a group tells another leaves out what that other told it.
 *
 * @returns evaluates the bits of the groups' own assertions (by group; not changed)
 */
export function createEvaluator(
  graph: Graph,
  strategy: Strategy,
): (direct: Uint8Array) => Evaluation {
  const scratch = {
    states: new Uint8Array(graph.size),
    below: new Uint8Array(graph.size),
    rolled: new Uint8Array(graph.size),
    told: new Uint8Array(graph.edges.count),
    /** How many groups right below speak against the group. */
    objections: new Int32Array(graph.size),
  };
  return (direct) => {
    riseFromBelow(graph, { direct, scratch, optimistic: strategy === 'optimistic' });
    sinkFromAbove(graph, direct, scratch);
    return scratch;
  };
}

interface Scratch extends Evaluation {
  readonly objections: Int32Array;
}

function riseFromBelow(
  { order, edges, downStart, down }: Graph,
  { direct, scratch, optimistic }: { direct: Uint8Array; scratch: Scratch; optimistic: boolean },
): void {
  const { below, rolled, objections } = scratch;
  for (let at = order.length - 1; at >= 0; at--) {
    const group = order[at] as number;
    const end = downStart[group + 1] as number;
    let against = 0;
    let parts = 0;
    let heldParts = 0;
    for (let i = downStart[group] as number; i < end; i++) {
      const edge = down[i] as number;
      const lower = below[edges.lower[edge] as number] as number;
      const part = edges.part[edge] as number;
      parts += part;
      if (lower === FOR) heldParts += part;
      else if (lower === AGAINST) against++;
    }
    const whole = optimistic && parts > 0 && heldParts === parts;
    rolled[group] = whole ? 1 : 0;
    objections[group] = against;
    below[group] = (direct[group] as number) | (against > 0 ? AGAINST : 0) | (whole ? FOR : 0);
  }
}

function sinkFromAbove(
  { order, edges, upStart, up }: Graph,
  direct: Uint8Array,
  { states, below, rolled, objections, told }: Scratch,
): void {
  for (const group of order) {
    const end = upStart[group + 1] as number;
    const objects = below[group] === AGAINST ? 1 : 0;
    let heard = 0;
    for (let i = upStart[group] as number; i < end; i++) {
      const edge = up[i] as number;
      const upper = edges.upper[edge] as number;
      const own = direct[upper] as number;
      // The states of groups above are final here. What this group itself told the upper one is left out.
      const others = (objections[upper] as number) - objects;
      const againstUpper = (own & AGAINST) !== 0 || others > 0;
      const fromParts = rolled[upper] === 1 && edges.part[edge] === 0;
      const forUpper = (own & FOR) !== 0 || fromParts || hears(states, upper);
      const tells = forUpper && !againstUpper ? 1 : 0;
      told[edge] = tells;
      heard |= tells;
    }
    // The third bit keeps apart what came from above; it is taken off below.
    states[group] = (below[group] as number) | (heard === 1 ? FOR | HEARD : 0);
  }
  for (let group = 0; group < states.length; group++) {
    states[group] = (states[group] as number) & (FOR | AGAINST);
  }
}

const HEARD = 4;
const hears = (states: Uint8Array, group: number): boolean =>
  ((states[group] as number) & HEARD) !== 0;
