import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEvaluator, type Strategy } from '../../../lib/jobs/assessment/evaluate.ts';
import { buildFramework, type Relation } from '../../../lib/jobs/assessment/framework.ts';
import { forests, graphs, guideState, recursiveState, type World } from './oracle.ts';

const RUNS = { numRuns: process.env['SLUICE_FULL'] ? 8_000 : 600 };

/** State of every competency, by the engine. */
function statesOf({ ids, relations, bits }: World, strategy: Strategy = 'pessimistic'): number[] {
  const { graph } = buildFramework({ competencies: ids.map((id) => ({ id })), relations });
  const direct = new Uint8Array(graph.size);
  for (const [place, bit] of bits.entries()) {
    const group = graph.groupOf[place] as number;
    direct[group] = (direct[group] as number) | bit;
  }
  const { states } = createEvaluator(graph, strategy)(direct);
  return ids.map((_, place) => states[graph.groupOf[place] as number] as number);
}

const relation = (text: string): Relation => {
  const [source, relationType, target] = text.split(' ');
  return { source, relationType, target } as Relation;
};

/** `a+ b-` and relations in words -> `a:held b:...`. */
function told(asserted: string, relations: string[], strategy?: Strategy): string {
  const words = relations.map(relation);
  const ids = [...new Set(words.flatMap(({ source, target }) => [source, target]))].sort();
  const marks = asserted.split(' ');
  const bits = ids.map(
    (id) => (marks.includes(`${id}+`) ? 1 : 0) | (marks.includes(`${id}-`) ? 2 : 0),
  );
  const states = statesOf({ ids, relations: words, bits }, strategy);
  return ids.map((id, at) => `${id}${'?+-!'[states[at] as number]}`).join(' ');
}

describe('the rule', () => {
  it.each([
    // A leaf: none, one kind, both. The guide's step 3.
    ['', ['a isEquivalentTo b'], 'a? b?'],
    ['a+', ['a isEquivalentTo b'], 'a+ b+'],
    ['a-', ['a isEquivalentTo b'], 'a- b-'],
    ['a+ b-', ['a isEquivalentTo b'], 'a! b!'],
    // Step 4, each relation in both directions.
    ['b-', ['a broadens b'], 'a- b-'],
    ['b+', ['a broadens b'], 'a? b+'],
    ['a+', ['a broadens b'], 'a+ b+'],
    ['a-', ['a broadens b'], 'a- b?'],
    ['b-', ['b narrows a'], 'a- b-'],
    ['a+', ['b narrows a'], 'a+ b+'],
    ['b-', ['a requires b'], 'a- b-'],
    ['a+', ['a requires b'], 'a+ b+'],
    ['b-', ['b isRequiredBy a'], 'a- b-'],
    ['a+', ['b isRequiredBy a'], 'a+ b+'],
    // Both ends hear the other's word, not their own again.
    ['a+ b-', ['a broadens b'], 'a! b!'],
    // What is indeterminate says nothing: neither to a nor to c.
    ['b+ b-', ['a broadens b', 'b broadens c'], 'a? b! c?'],
    // b speaks against a; so a, said to be held, no longer speaks for c.
    ['a+ b-', ['a broadens b', 'a broadens c'], 'a! b! c?'],
    ['c-', ['a broadens b', 'b requires c'], 'a- b- c-'],
  ])('%s | %j -> %s', (asserted, relations, expected) => {
    expect(told(asserted, relations)).toBe(expected);
  });

  it('takes all parts for the whole only when it is optimistic, and prerequisites never', () => {
    const family = ['a broadens b', 'a broadens c'];
    expect(told('b+ c+', family)).toBe('a? b+ c+');
    expect(told('b+ c+', family, 'optimistic')).toBe('a+ b+ c+');
    expect(told('b+', family, 'optimistic')).toBe('a? b+ c?');
    expect(told('b+ c+ c-', family, 'optimistic')).toBe('a? b+ c!');
    expect(told('a- b+ c+', family, 'optimistic')).toBe('a! b+ c+');
    expect(told('b+ c+', ['a requires b', 'a requires c'], 'optimistic')).toBe('a? b+ c+');
    // Held through its parts, a speaks for what it requires.
    expect(told('b+ c+', [...family, 'a requires d'], 'optimistic')).toBe('a+ b+ c+ d+');
  });
});

describe('properties', () => {
  it("is the guide's own tree, root by root, where nothing has two above it", () => {
    fc.assert(
      fc.property(forests, (world) => {
        expect(statesOf(world)).toEqual(world.ids.map((id) => guideState(world, id)));
      }),
      RUNS,
    );
  });

  it.each(['pessimistic', 'optimistic'] as const)(
    'is the plain recursion: %s',
    (strategy) => {
      fc.assert(
        fc.property(graphs, (world) => {
          const recursive = recursiveState(world, strategy);
          expect(statesOf(world, strategy)).toEqual(world.ids.map(recursive));
        }),
        RUNS,
      );
    },
    120_000,
  );

  it.each(['pessimistic', 'optimistic'] as const)(
    'one more assertion for something makes nothing worse: %s',
    (strategy) => {
      fc.assert(
        fc.property(graphs, fc.nat(), (world, at) => {
          const bits = [...world.bits];
          const place = at % bits.length;
          bits[place] = (bits[place] as number) | 1;
          const before = statesOf(world, strategy);
          const after = statesOf({ ...world, bits }, strategy);
          for (const [i, state] of before.entries()) {
            if (state === 1) expect(after[i]).toBe(1);
            if (after[i] === 2) expect(state).toBe(2);
          }
        }),
        RUNS,
      );
    },
  );

  it('one more assertion against something makes nothing better', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), (world, at) => {
        const bits = [...world.bits];
        const place = at % bits.length;
        bits[place] = (bits[place] as number) | 2;
        const before = statesOf(world);
        for (const [i, state] of statesOf({ ...world, bits }).entries()) {
          if (before[i] === 2) expect(state).toBe(2);
          if (state === 1) expect(before[i]).toBe(1);
        }
      }),
      RUNS,
    );
  });

  it('the order of competencies and relations does not matter', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), (world, turn) => {
        const turned = <T>(list: T[]): T[] => {
          const at = list.length === 0 ? 0 : turn % list.length;
          return [...list.slice(at), ...list.slice(0, at)].reverse();
        };
        const other = {
          ids: turned(world.ids),
          relations: turned(world.relations),
          bits: turned(world.bits),
        };
        expect(turned(statesOf(world))).toEqual(statesOf(other));
      }),
      RUNS,
    );
  });
});

describe('size', () => {
  const chain = (count: number): Relation[] =>
    Array.from({ length: count - 1 }, (_, at) => relation(`c${at} broadens c${at + 1}`));

  it('goes 100,000 deep, both ways', () => {
    const count = 100_000;
    const ids = Array.from({ length: count }, (_, at) => `c${at}`);
    const relations = chain(count);
    const bits = new Array<number>(count).fill(0);
    const down = statesOf({ ids, relations, bits: bits.with(0, 1) });
    expect(down.every((state) => state === 1)).toBe(true);
    const up = statesOf({ ids, relations, bits: bits.with(count - 1, 2) }, 'optimistic');
    expect(up.every((state) => state === 2)).toBe(true);
  });

  it('names a cycle of 100,000 without writing it out, and equivalences as deep', () => {
    const count = 100_000;
    const competencies = Array.from({ length: count }, (_, at) => ({ id: `c${at}` }));
    const cycle = [...chain(count), relation(`c${count - 1} requires c0`)];
    expect(() => buildFramework({ competencies, relations: cycle })).toThrow(
      / broadens .* and 99992 more relations\. No competency/,
    );
    const same = chain(count).map((one) => ({ ...one, relationType: 'isEquivalentTo' as const }));
    expect(buildFramework({ competencies, relations: same }).graph.size).toBe(1);
  });
});
