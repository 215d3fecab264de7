import fc from 'fast-check';
import type { Strategy } from '../../../lib/jobs/assessment/evaluate.ts';
import type { Relation } from '../../../lib/jobs/assessment/framework.ts';

/** A framework and what is asserted: bits by competency, 1 for and 2 against. */
export interface World {
  ids: string[];
  relations: Relation[];
  bits: number[];
}

const id = (n: number): string => `c${n}`;

/** The two ways to write that `upper` implies `lower`, as a part or as a prerequisite. */
function written(upper: string, lower: string, way: number): Relation {
  const ways = [
    { source: upper, relationType: 'broadens', target: lower },
    { source: lower, relationType: 'narrows', target: upper },
    { source: upper, relationType: 'requires', target: lower },
    { source: lower, relationType: 'isRequiredBy', target: upper },
  ] as const;
  return ways[way] as Relation;
}

/** Assertions for, against, both, and mostly none. */
const someBits = fc.constantFrom(0, 0, 0, 1, 1, 2, 2, 3);
const step = fc.record({ parent: fc.nat(), way: fc.nat({ max: 5 }), bits: someBits });

/** Each competency has one above it, is equivalent to it, or is a top one: the guide's rule is exact there. */
export const forests: fc.Arbitrary<World> = fc
  .array(step, { minLength: 1, maxLength: 14 })
  .map((steps) => {
    const relations = steps.flatMap(({ parent, way }, at): Relation[] => {
      if (at === 0 || way === 5) return [];
      const [child, above] = [id(at), id(parent % at)];
      if (way === 4) return [{ source: child, relationType: 'isEquivalentTo', target: above }];
      return [written(above, child, way)];
    });
    return { ids: steps.map((_, at) => id(at)), relations, bits: steps.map(({ bits }) => bits) };
  });

const edge = fc.record({ from: fc.nat(), to: fc.nat(), way: fc.nat({ max: 3 }) });

/** Any graph without cycles: the competencies c0 and c1 are group 0, c2 and c3 group 1, and so on for some. */
export const graphs: fc.Arbitrary<World> = fc
  .record({
    twins: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
    edges: fc.array(edge, { maxLength: 14 }),
    bits: fc.array(someBits, { minLength: 14, maxLength: 14 }),
  })
  .map(({ twins, edges, bits }) => {
    const relations = twins.flatMap((twin, group): Relation[] =>
      twin
        ? [{ source: id(group * 2 + 1), relationType: 'isEquivalentTo', target: id(group * 2) }]
        : [],
    );
    const ids = twins.flatMap((twin, group) =>
      twin ? [id(group * 2), id(group * 2 + 1)] : [id(group * 2)],
    );
    for (const { from, to, way } of edges) {
      const [a, b] = [from % ids.length, to % ids.length].sort((x, y) => x - y) as [number, number];
      const [upper, lower] = [ids[a] as string, ids[b] as string];
      // Upwards in the numbering of groups only: no cycle.
      if (groupNumber(upper) < groupNumber(lower)) relations.push(written(upper, lower, way));
    }
    return { ids, relations, bits: bits.slice(0, ids.length) };
  });

const groupNumber = (name: string): number => Math.floor(Number(name.slice(1)) / 2);

/**
 * The guide, step by step and root by root: a tree in which each relation is used once, then values from the
 * leaves up. Its result depends on the order of retrieval where a competency can be reached on two ways.
 */
export function guideState({ ids, relations, bits }: World, root: string): number {
  const used = new Set<Relation>();
  const bitsOf = (name: string): number => {
    let value = bits[ids.indexOf(name)] as number;
    const mine = relations.filter(
      (relation) => !used.has(relation) && [relation.source, relation.target].includes(name),
    );
    for (const relation of mine) used.add(relation);
    for (const { source, relationType, target } of mine) {
      const child = bitsOf(source === name ? target : source);
      const verb = source === name ? relationType : INVERSE[relationType];
      if (verb === 'isEquivalentTo') value |= child;
      else if ((verb === 'broadens' || verb === 'requires') && child === 2) value |= 2;
      else if ((verb === 'narrows' || verb === 'isRequiredBy') && child === 1) value |= 1;
    }
    return value;
  };
  return bitsOf(root);
}

const INVERSE = {
  broadens: 'narrows',
  narrows: 'broadens',
  requires: 'isRequiredBy',
  isRequiredBy: 'requires',
  isEquivalentTo: 'isEquivalentTo',
} as const;

/** The rule as the docs write it, by plain recursion over names. */
export function recursiveState(world: World, strategy: Strategy): (name: string) => number {
  const { ids, relations, bits } = world;
  const twinsOf = (name: string): string[] =>
    ids.filter((other) => {
      if (other === name) return true;
      return relations.some(
        ({ source, relationType, target }) =>
          relationType === 'isEquivalentTo' &&
          [source, target].sort().join() === [name, other].sort().join(),
      );
    });
  const first = (name: string): string => twinsOf(name)[0] as string;
  const links = relations.flatMap(({ source, relationType, target }) => {
    if (relationType === 'isEquivalentTo') return [];
    const upward = relationType === 'narrows' || relationType === 'isRequiredBy';
    const [upper, lower] = upward ? [target, source] : [source, target];
    const part = relationType === 'narrows' || relationType === 'broadens';
    return [{ upper: first(upper), lower: first(lower), part }];
  });
  const lowersOf = (name: string) => [
    ...new Set(links.filter((l) => l.upper === name).map((l) => l.lower)),
  ];
  const uppersOf = (name: string) => [
    ...new Set(links.filter((l) => l.lower === name).map((l) => l.upper)),
  ];
  const isPart = (upper: string, lower: string) =>
    links.some((link) => link.upper === upper && link.lower === lower && link.part);
  const own = (name: string): number =>
    twinsOf(name).reduce((sum, twin) => sum | (bits[ids.indexOf(twin)] as number), 0);
  const rolled = (name: string): boolean => {
    const parts = lowersOf(name).filter((lower) => isPart(name, lower));
    return strategy === 'optimistic' && parts.length > 0 && parts.every((p) => below(p) === 1);
  };
  const below = (name: string): number =>
    own(name) |
    (lowersOf(name).some((lower) => below(lower) === 2) ? 2 : 0) |
    (rolled(name) ? 1 : 0);
  const tells = (upper: string, lower: string): boolean => {
    const against =
      (own(upper) & 2) !== 0 || lowersOf(upper).some((o) => o !== lower && below(o) === 2);
    const supported =
      (own(upper) & 1) !== 0 ||
      (rolled(upper) && !isPart(upper, lower)) ||
      uppersOf(upper).some((above) => tells(above, upper));
    return supported && !against;
  };
  return (name) => {
    const group = first(name);
    return below(group) | (uppersOf(group).some((upper) => tells(upper, group)) ? 1 : 0);
  };
}
