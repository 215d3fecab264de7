import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAssessor } from '../../../lib/jobs/assessment/assess.ts';
import { parseFramework, readFramework } from '../../../lib/jobs/assessment/read-framework.ts';

const { SLUICE_DATA = '../shared/data' } = process.env;
const ORDERING = `${SLUICE_DATA}/ceredis/opensalt-case/Ordering.json`;

const read = (from: string) => readFramework(from, { timeoutMs: 5_000 });

const related = (source: string, relationType: string, target: string) => ({
  source,
  relationType,
  target,
});
const own = (competencies: unknown, relations: unknown = []) => ({ competencies, relations });

/** Edges of the graph in words, sorted: `a > b` part, `a >> b` prerequisite, `a = b` equivalent. */
function edgesOf(value: unknown): string[] {
  const { ids, graph } = parseFramework(value);
  const { edges, members } = graph;
  const name = (place: number | undefined) => ids[place as number];
  const arrows = Array.from({ length: edges.count }, (_, e) => {
    const arrow = edges.part[e] === 1 ? '>' : '>>';
    return `${name(edges.upperPlace[e])} ${arrow} ${name(edges.lowerPlace[e])}`;
  });
  const twins = members.filter((list) => list.length > 1).map((list) => list.map(name).join(' = '));
  return [...arrows, ...twins].sort();
}

describe("Sluice's own form", () => {
  it('reads ids, objects with ids, and all five relations', () => {
    const relations = [
      related('a', 'broadens', 'b'),
      related('c', 'narrows', 'a'),
      related('a', 'requires', 'd'),
      related('e', 'isRequiredBy', 'a'),
      related('e', 'isEquivalentTo', 'f'),
    ];
    const edges = edgesOf(own(['a', { id: 'b', name: 'B' }, 'c', 'd', 'e', 'f'], relations));
    expect(edges).toEqual(['a > b', 'a > c', 'a >> d', 'a >> e', 'e = f']);
  });

  it('takes what is said twice once; a part that is also required is a part', () => {
    const relations = [
      related('a', 'requires', 'b'),
      related('a', 'broadens', 'b'),
      related('b', 'narrows', 'a'),
      related('a', 'isEquivalentTo', 'a'),
    ];
    expect(edgesOf(own(['a', 'b'], relations))).toEqual(['a > b']);
  });

  it.each([
    [[], 'a framework must be an object; got [].'],
    [{ name: 'x' }, 'it has ["name"].'],
    [own([]), 'the framework holds no competency.'],
    [own({}), 'competencies must be a list; got {}.'],
    [own(['a', 7]), 'competencies[1] must be an id, or an object with one; got 7.'],
    [own([{ id: '' }]), 'competencies[0].id must be a text; got "".'],
    [own(['a', 'b', 'a']), 'competency "a" is defined twice: keep one of the two.'],
    [own(['a'], [[]]), 'relations[0] must be an object; got [].'],
    [own(['a'], [related('a', 'likes', 'a')]), 'isEquivalentTo; got "likes".'],
    [own(['a'], [{ source: 'a', relationType: 'narrows' }]), 'relations[0].target must be a text'],
    [
      own(['a'], [related('a', 'narrows', 'z')]),
      'relation "a" narrows "z": there is no competency "z". Add it to the framework, or take the relation out.',
    ],
    [
      own(
        ['a', 'b', 'c', 'x'],
        [related('x', 'broadens', 'a'), related('a', 'broadens', 'b')].concat([
          related('c', 'narrows', 'b'),
          related('c', 'requires', 'a'),
        ]),
      ),
      'the relations form a cycle: "a" broadens "b", "b" broadens "c", "c" requires "a". No',
    ],
    [
      own(['a', 'b'], [related('a', 'broadens', 'b'), related('b', 'isEquivalentTo', 'a')]),
      'the relations form a cycle: "a" broadens "b", "b" isEquivalentTo "a".',
    ],
    [own(['a'], [related('a', 'requires', 'a')]), 'form a cycle: "a" requires "a". No competency'],
  ])('refuses: $1', (value, message) => {
    expect(() => parseFramework(value)).toThrow(message);
  });
});

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it('may begin with a byte order mark', async () => {
    const { framework } = await read(file('bom.json', `\ufeff{"competencies":["é"]}`));
    expect(framework.ids).toEqual(['é']);
  });

  it.each([
    ['none.json', undefined, /none\.json cannot be read: ENOENT.*Give the path of a JSON file/],
    ['cut.json', '{"competencies":["a"', /cut\.json: it is no JSON: /],
    ['latin1.json', Buffer.from('{"competencies":["é"]}', 'latin1'), /it is no JSON: .*encoded/],
    ['other.json', '{"rows":[]}', /other\.json: it is no framework that is known.*\["rows"\]/],
  ])('%s is refused by name', async (name, content, message) => {
    const path = content === undefined ? join(folder, name) : file(name, content);
    await expect(read(path)).rejects.toThrow(message);
  });
});

const link = (identifier: string) => ({ title: identifier, identifier, uri: `urn:${identifier}` });
const item = (identifier: string) => ({ identifier, uri: `urn:${identifier}` });
const association = (origin: string, associationType: string, destination: string) => ({
  originNodeURI: link(origin),
  associationType,
  destinationNodeURI: link(destination),
});
const casePackage = (names: string[], associations: unknown[]) => ({
  CFDocument: item('doc'),
  CFItems: names.map(item),
  CFAssociations: associations,
});

describe('CASE', () => {
  it('takes children, parts and exact matches; leaves the document, other frameworks and mere order out', () => {
    const associations = [
      association('a', 'isChildOf', 'doc'),
      association('b', 'isChildOf', 'a'),
      association('c', 'isPartOf', 'b'),
      association('c', 'exactMatchOf', 'd'),
      association('c', 'exactMatchOf', 'elsewhere'),
      association('b', 'precedes', 'c'),
      association('b', 'isRelatedTo', 'elsewhere'),
      association('b', 'ext:likes', 'a'),
    ];
    const value = casePackage(['a', 'b', 'c', 'd'], associations);
    expect(edgesOf(value)).toEqual(['a > b', 'b > c', 'c = d']);
    expect(parseFramework(value).places.get('urn:c')).toBe(2);
  });

  it.each([
    [{ CFDocument: {} }, 'CFItems must be a list; got undefined.'],
    [{ CFItems: [{ uri: 'x' }] }, 'CFItems[0].identifier must be a text; got undefined.'],
    [casePackage(['a', 'a'], []), 'competency "a" is defined twice'],
    [
      { CFItems: [item('a'), { identifier: 'b', uri: 'urn:a' }] },
      '"a" and "b" share the name "urn:a".',
    ],
    [
      casePackage(['a'], [association('a', 'isChildOf', 'z')]),
      'relation "a" narrows "z": there is no competency "z".',
    ],
    [
      casePackage(['a'], [association('a', 'is child of', 'a')]),
      'CFAssociations[0].associationType must be one of isChildOf,',
    ],
    [
      casePackage(['a'], [{ ...association('a', 'isChildOf', 'a'), originNodeURI: {} }]),
      'CFAssociations[0].originNodeURI must have an identifier or a uri; got {}.',
    ],
    [
      casePackage(
        ['a', 'b'],
        [association('a', 'isChildOf', 'b'), association('b', 'isPartOf', 'a')],
      ),
      'the relations form a cycle',
    ],
  ])('refuses: $1', (value, message) => {
    expect(() => parseFramework(value)).toThrow(message);
  });
});

describe.skipIf(!existsSync(ORDERING))(
  `OpenSALT's own export (skipped without ${ORDERING})`,
  () => {
    const ROOT = '3d8cdec5-83d6-49b4-9300-91a824c59758';
    const LEAF = 'caa3c8f2-14ea-4b3f-853e-68b61f9befd5';
    const NOW = Date.UTC(2026, 0, 1);

    it('gives 28 competencies, 27 relations: a tree of one top item', async () => {
      const edges = edgesOf(JSON.parse(readFileSync(ORDERING, 'utf8')));
      expect(edges).toHaveLength(27);
      const lowers = new Set(edges.map((edge) => edge.split(' > ')[1]));
      const { framework } = await read(ORDERING);
      expect(framework.ids.filter((id) => !lowers.has(id))).toEqual([ROOT]);
    });

    it('a misconception at its leaf speaks against every item above it; the top item for all', async () => {
      const { framework } = await read(ORDERING);
      const rules = { minConfidence: 0, details: 'none', strategy: 'pessimistic' } as const;
      const assess = createAssessor(framework, rules);
      const assertion = { competency: LEAF, assertionDate: '2025-05-01', negative: true };
      expect(assess([assertion], NOW)).toEqual({
        held: 0,
        notHeld: 5,
        indeterminate: 0,
        unknown: 23,
      });
      const uri = `http://localhost:3000/ims/case/v1p0/CFItems/${ROOT}`;
      const top = { competency: uri, assertionDate: '2025-05-01' };
      expect(assess([top], NOW)).toMatchObject({ held: 28 });
    });
  },
);

const node = (id: string, terms: Record<string, unknown> = {}) => ({
  '@id': id,
  '@type': 'ceasn:Competency',
  'ceterms:ctid': `ce-${id}`,
  'ceasn:competencyText': { 'en-US': id },
  ...terms,
});
const graphOf = (...nodes: unknown[]) => ({
  '@context': 'https://credreg.net/ctdlasn/schema/context/json',
  '@graph': [
    { '@id': 'fw', '@type': 'ceasn:CompetencyFramework', 'ceasn:hasTopChild': ['a'] },
    ...nodes,
  ],
});

describe('CTDL-ASN', () => {
  it('takes children and alignments inside the graph; a framework is no competency', () => {
    const value = graphOf(
      node('a', { 'ceasn:isChildOf': 'fw', 'ceasn:hasChild': ['b'], 'ceasn:isTopChildOf': 'fw' }),
      node('b', { 'ceasn:isChildOf': [{ '@id': 'a' }], 'ceasn:broadAlignment': ['elsewhere'] }),
      node('c', { 'ceasn:isChildOf': 'ce-b', 'ceasn:prerequisiteAlignment': 'd' }),
      node('d', { 'ceasn:exactAlignment': ['e'], 'ceasn:minorAlignment': ['a'] }),
      {
        '@id': 'e',
        '@type': ['https://purl.org/ctdlasn/terms/Competency'],
        narrowAlignment: ['f'],
      },
      node('f', { 'ceasn:broadAlignment': 'd' }),
    );
    // f is narrower than e and than d, which are equivalent: one edge.
    expect(edgesOf(value)).toEqual(['a > b', 'b > c', 'c >> d', 'd = e', 'e > f']);
  });

  it.each([
    [graphOf(), '@graph holds no node of @type ceasn:Competency.'],
    [graphOf('x'), '@graph[1] must be an object; got "x".'],
    [graphOf({ '@type': 'ceasn:Competency' }), '@graph[1].@id must be a text; got undefined.'],
    [
      graphOf(node('a', { 'ceasn:isChildOf': 'gone' })),
      'relation "a" narrows "gone": there is no competency "gone".',
    ],
    [
      graphOf(node('a', { 'ceasn:hasChild': [3] })),
      '"a": ceasn:hasChild must name a competency by its @id; got 3.',
    ],
    [
      graphOf(node('a', { 'ceasn:hasChild': 'b' }), node('b', { 'ceasn:hasChild': 'a' })),
      'the relations form a cycle: "a" broadens "b", "b" broadens "a". No',
    ],
  ])('refuses: $1', (value, message) => {
    expect(() => parseFramework(value)).toThrow(message);
  });
});
