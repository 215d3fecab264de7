import { said } from './json.ts';

/** The five relations that CaSS's assertion processors support (docs.cassproject.org, "Assertion Processing"). */
export const RELATION_TYPES = [
  'broadens',
  'narrows',
  'requires',
  'isRequiredBy',
  'isEquivalentTo',
] as const;
export type RelationType = (typeof RELATION_TYPES)[number];

/** A relation between places of competencies. */
export interface PlacedRelation {
  source: number;
  relationType: RelationType;
  target: number;
}

/**
 * A framework as a directed graph without cycles. A node is a group: competencies that are equivalent are one.
 * An edge leads from an upper group to a lower one: holding the upper implies holding the lower, since the
 * lower is a part of it (broadens, narrows) or its prerequisite (requires, isRequiredBy). The guide itself
 * names this shape as the one that replaces its tree ("Expected Changes").
 */
export interface Graph {
  /** Groups; they are numbered by their first member. */
  readonly size: number;
  /** Group of each competency, by place. */
  readonly groupOf: Int32Array;
  /** Places of each group's competencies. */
  readonly members: readonly (readonly number[])[];
  /** All groups, each upper one before its lower ones. */
  readonly order: Int32Array;
  /** Edges, at most one between two groups. */
  readonly edges: Edges;
  /** Edges by their upper group: those of group g are `down[downStart[g]] ... down[downStart[g + 1] - 1]`. */
  readonly downStart: Int32Array;
  readonly down: Int32Array;
  /** Edges by their lower group, in the same way. */
  readonly upStart: Int32Array;
  readonly up: Int32Array;
}

/** Columns of the edges. */
export interface Edges {
  readonly count: number;
  readonly upper: Int32Array;
  readonly lower: Int32Array;
  /** The competencies (places) that the relation itself names. */
  readonly upperPlace: Int32Array;
  readonly lowerPlace: Int32Array;
  /** 1: the lower is a part of the upper; 0: only its prerequisite. */
  readonly part: Uint8Array;
}

interface Implication {
  upper: number;
  lower: number;
  part: boolean;
}

/** Which end is the upper one, and whether the lower one is a part of it. */
const IMPLICATIONS = {
  broadens: { upper: 'source', lower: 'target', part: true },
  narrows: { upper: 'target', lower: 'source', part: true },
  requires: { upper: 'source', lower: 'target', part: false },
  isRequiredBy: { upper: 'target', lower: 'source', part: false },
} as const;

/** @throws Error that names the members of a cycle */
export function buildGraph(ids: readonly string[], relations: readonly PlacedRelation[]): Graph {
  const groupOf = groupsOf(ids.length, relations);
  const members: number[][] = [];
  for (const [place, group] of groupOf.entries()) {
    members[group] ??= [];
    (members[group] as number[]).push(place);
  }
  const size = members.length;
  const edges = edgesOf(relations, groupOf);
  const byUpper = listsBy(edges.upper, size);
  const byLower = listsBy(edges.lower, size);
  const graph = {
    size,
    groupOf,
    members,
    edges,
    downStart: byUpper.start,
    down: byUpper.list,
    upStart: byLower.start,
    up: byLower.list,
  };
  const { order, blocked } = sortGroups(graph);
  if (order.length < size) {
    throw new Error(
      `the relations form a cycle: ${cycleText(ids, cycleOf(graph, blocked), edges)}. ` +
        'No competency can be a part or a prerequisite of itself: take one of these relations out.',
    );
  }
  return { ...graph, order };
}

/** Group of each place, by union of the equivalences; path halving keeps it near linear. */
function groupsOf(count: number, relations: readonly PlacedRelation[]): Int32Array {
  const parent = Int32Array.from({ length: count }, (_, place) => place);
  const rootOf = (place: number): number => {
    let at = place;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  for (const { source, relationType, target } of relations) {
    if (relationType !== 'isEquivalentTo') continue;
    const [low, high] = [rootOf(source), rootOf(target)].sort((a, b) => a - b) as [number, number];
    parent[high] = low;
  }
  const groupOf = new Int32Array(count);
  let groups = 0;
  for (let place = 0; place < count; place++) {
    // The root of a group is its first member, so its number is set before any other member asks for it.
    const root = rootOf(place);
    groupOf[place] = root === place ? groups++ : (groupOf[root] as number);
  }
  return groupOf;
}

/** The same implication may be written twice (a broadens b, b narrows a), or between several members. */
function edgesOf(relations: readonly PlacedRelation[], groupOf: Int32Array): Edges {
  const known = new Map<number, Implication>();
  for (const relation of relations) {
    if (relation.relationType === 'isEquivalentTo') continue;
    const { upper, lower, part } = IMPLICATIONS[relation.relationType];
    const edge = { upper: relation[upper], lower: relation[lower], part };
    // Below 2^53 for every framework that fits in memory.
    const key = (groupOf[edge.upper] as number) * groupOf.length + (groupOf[edge.lower] as number);
    const there = known.get(key);
    if (there === undefined || (part && !there.part)) known.set(key, edge);
  }
  const list = [...known.values()];
  const column = (pick: (edge: Implication) => number): Int32Array => Int32Array.from(list, pick);
  return {
    count: list.length,
    upper: column(({ upper }) => groupOf[upper] as number),
    lower: column(({ lower }) => groupOf[lower] as number),
    upperPlace: column(({ upper }) => upper),
    lowerPlace: column(({ lower }) => lower),
    part: Uint8Array.from(list, ({ part }) => (part ? 1 : 0)),
  };
}

/** Edge numbers by one of their ends, in order (a counting sort). */
function listsBy(ends: Int32Array, size: number): { start: Int32Array; list: Int32Array } {
  const start = new Int32Array(size + 1);
  for (const end of ends) start[end + 1] = (start[end + 1] as number) + 1;
  for (let group = 0; group < size; group++) {
    start[group + 1] = (start[group + 1] as number) + (start[group] as number);
  }
  const next = start.slice();
  const list = new Int32Array(ends.length);
  for (const [edge, end] of ends.entries()) {
    const at = next[end] as number;
    list[at] = edge;
    next[end] = at + 1;
  }
  return { start, list };
}

type Unordered = Omit<Graph, 'order'>;

/** Groups, uppers first (Kahn), without recursion; what is blocked lies on a cycle or below one. */
function sortGroups({ size, edges, downStart, down, upStart }: Unordered): {
  order: Int32Array;
  blocked: Int32Array;
} {
  const waits = Int32Array.from(
    { length: size },
    (_, group) => (upStart[group + 1] as number) - (upStart[group] as number),
  );
  const order = new Int32Array(size);
  let ready = 0;
  for (let group = 0; group < size; group++) if (waits[group] === 0) order[ready++] = group;
  for (let done = 0; done < ready; done++) {
    const group = order[done] as number;
    for (let at = downStart[group] as number; at < (downStart[group + 1] as number); at++) {
      const lower = edges.lower[down[at] as number] as number;
      const left = (waits[lower] as number) - 1;
      waits[lower] = left;
      if (left === 0) order[ready++] = lower;
    }
  }
  return { order: order.subarray(0, ready), blocked: waits };
}

/** Edges of one cycle, upper to lower: every blocked group has a blocked one above it, so going up must come round. */
function cycleOf({ edges, upStart, up }: Unordered, blocked: Int32Array): number[] {
  const seenAt = new Map<number, number>();
  const path: number[] = [];
  let group = blocked.findIndex((waits) => waits > 0);
  while (!seenAt.has(group)) {
    seenAt.set(group, path.length);
    const above = up.subarray(upStart[group] as number, upStart[group + 1] as number);
    const edge = above.find((e) => (blocked[edges.upper[e] as number] as number) > 0) as number;
    path.push(edge);
    group = edges.upper[edge] as number;
  }
  return path.slice(seenAt.get(group)).reverse();
}

/** Relations that a message about a cycle spells out: a cycle of 100,000 is no message. */
const CYCLE_SHOWN = 8;

function cycleText(ids: readonly string[], cycle: readonly number[], edges: Edges): string {
  const nameOf = (place: number | undefined): string => said(ids[place as number]);
  const steps = cycle.flatMap((edge, at) => {
    const lower = edges.lowerPlace[edge];
    const next = edges.upperPlace[cycle[(at + 1) % cycle.length] as number];
    const verb = edges.part[edge] === 1 ? 'broadens' : 'requires';
    const step = `${nameOf(edges.upperPlace[edge])} ${verb} ${nameOf(lower)}`;
    return lower === next ? [step] : [step, `${nameOf(lower)} isEquivalentTo ${nameOf(next)}`];
  });
  const more = steps.length - CYCLE_SHOWN;
  return more <= 0
    ? steps.join(', ')
    : `${steps.slice(0, CYCLE_SHOWN).join(', ')} and ${more} more relations`;
}
