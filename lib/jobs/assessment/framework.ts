import { buildGraph, type Graph, type RelationType } from './graph.ts';
import { said } from './json.ts';

export interface Competency {
  id: string;
  /** Other names that assertions may use, such as the URL of an item that is known by its UUID. */
  aliases?: readonly string[];
}

/** `source` `relationType` `target`, read as a sentence: addition narrows arithmetic. */
export interface Relation {
  source: string;
  relationType: RelationType;
  target: string;
}

/** A framework as it is written down, in Sluice's own form; what every import gives. */
export interface FrameworkSource {
  competencies: readonly Competency[];
  relations: readonly Relation[];
}

/** A framework that can be evaluated: checked, without cycles. */
export interface Framework {
  /** Ids of the competencies, in the order of the source; a place is an index into them. */
  readonly ids: readonly string[];
  /** Place of every id and alias. */
  readonly places: ReadonlyMap<string, number>;
  readonly graph: Graph;
}

/**
 * Checks a framework and prepares it for evaluation, in time linear in its size.
 * @throws Error that names the id given twice, both ends of a relation whose end is missing, or the members of a cycle
 */
export function buildFramework({ competencies, relations }: FrameworkSource): Framework {
  if (competencies.length === 0) throw new Error('the framework holds no competency.');
  const places = new Map<string, number>();
  for (const [place, { id }] of competencies.entries()) {
    if (places.has(id)) {
      throw new Error(`competency ${said(id)} is defined twice: keep one of the two.`);
    }
    places.set(id, place);
  }
  for (const [place, { id, aliases = [] }] of competencies.entries()) {
    for (const alias of aliases) {
      const taken = places.get(alias);
      if (taken !== undefined && taken !== place) {
        const other = (competencies[taken] as Competency).id;
        throw new Error(
          `competencies ${said(other)} and ${said(id)} share the name ${said(alias)}.`,
        );
      }
      places.set(alias, place);
    }
  }
  const ids = competencies.map(({ id }) => id);
  const ends = relations.map((relation) => ({
    source: endOf(relation, { id: relation.source, places }),
    relationType: relation.relationType,
    target: endOf(relation, { id: relation.target, places }),
  }));
  return { ids, places, graph: buildGraph(ids, ends) };
}

function endOf(
  { source, relationType, target }: Relation,
  { id, places }: { id: string; places: ReadonlyMap<string, number> },
): number {
  const place = places.get(id);
  if (place !== undefined) return place;
  throw new Error(
    `relation ${said(source)} ${relationType} ${said(target)}: there is no competency ${said(id)}. ` +
      'Add it to the framework, or take the relation out.',
  );
}
