import type { Competency, FrameworkSource, Relation } from './framework.ts';
import { isObject, listOf, type ObjectOf, said } from './json.ts';

/** Prefixes under which the terms of CTDL-ASN appear (credreg.net/ctdlasn, "Shorthand URI" and "URI"). */
const PREFIXES = ['ceasn:', 'https://purl.org/ctdlasn/terms/', ''];

/**
 * The terms that imply something (credreg.net/ctdlasn/terms). Children are of the same framework; alignments
 * are made for links between frameworks, so one that leads out of the graph is left out. broadAlignment: the
 * referenced competency covers all of this one. narrowAlignment: this one covers all of the referenced.
 * prerequisiteAlignment: the referenced resource is a prerequisite to this one; its definition said the
 * opposite until February 2019 (CredentialEngine/Schema-Development, issue 579).
 */
const TERMS = [
  { term: 'isChildOf', relationType: 'narrows', within: true },
  { term: 'hasChild', relationType: 'broadens', within: true },
  { term: 'broadAlignment', relationType: 'narrows', within: false },
  { term: 'narrowAlignment', relationType: 'broadens', within: false },
  { term: 'exactAlignment', relationType: 'isEquivalentTo', within: false },
  { term: 'prerequisiteAlignment', relationType: 'requires', within: false },
] as const;

export const isCtdlAsn = (value: ObjectOf): boolean => '@graph' in value;

/**
 * A CTDL-ASN framework: JSON-LD with a @graph of ceasn:Competency and ceasn:CompetencyFramework nodes.
 * Competencies are known by their @id; their ceterms:ctid is an alias. isChildOf a framework makes a top
 * competency, no relation.
 * @throws Error that names the node and its field
 */
export function importCtdlAsn(value: ObjectOf): FrameworkSource {
  const competencies: Competency[] = [];
  const frameworks = new Set<string>();
  const nodes: { id: string; node: ObjectOf }[] = [];
  for (const [at, node] of listOf(value, '@graph').entries()) {
    if (!isObject(node)) throw new Error(`@graph[${at}] must be an object; got ${said(node)}.`);
    const types = [node['@type']].flat();
    const isA = (name: string): boolean =>
      types.some((type) => PREFIXES.some((prefix) => type === prefix + name));
    const id = node['@id'];
    if (isA('CompetencyFramework') && typeof id === 'string') frameworks.add(id);
    if (!isA('Competency')) continue;
    if (typeof id !== 'string' || id === '') {
      throw new Error(`@graph[${at}].@id must be a text; got ${said(id)}.`);
    }
    const ctid = node['ceterms:ctid'];
    competencies.push(typeof ctid === 'string' && ctid !== id ? { id, aliases: [ctid] } : { id });
    nodes.push({ id, node });
  }
  if (competencies.length === 0) {
    throw new Error('@graph holds no node of @type ceasn:Competency.');
  }
  const known = new Set(competencies.flatMap(({ id, aliases = [] }) => [id, ...aliases]));
  const relations = nodes.flatMap(({ id, node }): Relation[] =>
    TERMS.flatMap(({ term, relationType, within }) =>
      targetsOf(node, { term, id })
        .filter((target) => !frameworks.has(target) && (within || known.has(target)))
        .map((target) => ({ source: id, relationType, target })),
    ),
  );
  return { competencies, relations };
}

/** Values of a term: a text, an object with an @id, or a list of these. */
function targetsOf(node: ObjectOf, { term, id }: { term: string; id: string }): string[] {
  const key = PREFIXES.map((prefix) => prefix + term).find((name) => Object.hasOwn(node, name));
  if (key === undefined) return [];
  const values = [node[key]].flat() as unknown[];
  return values
    .filter((value) => value !== null && value !== '')
    .map((value) => {
      const target = isObject(value) ? value['@id'] : value;
      if (typeof target === 'string') return target;
      throw new Error(`${said(id)}: ${key} must name a competency by its @id; got ${said(value)}.`);
    });
}
