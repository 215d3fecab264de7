import type { Competency, FrameworkSource, Relation } from './framework.ts';
import { isObject, listOf, type ObjectOf, said, textOf } from './json.ts';

/**
 * Association types of CASE 1.0 and 1.1 (imsglobal.org, "CASE Service", AssociationType). CaSS itself maps
 * isChildOf to narrows and exactMatchOf to isEquivalentTo; isPartOf says the same as isChildOf. The others
 * imply nothing about who holds what: `precedes` is an order of teaching, and who comes first is not thereby
 * a prerequisite. Types that begin with `ext:` are CASE 1.1's own way to add some.
 */
const ASSOCIATIONS: Readonly<Record<string, 'narrows' | 'isEquivalentTo' | 'none'>> = {
  isChildOf: 'narrows',
  isPartOf: 'narrows',
  exactMatchOf: 'isEquivalentTo',
  isPeerOf: 'none',
  precedes: 'none',
  isRelatedTo: 'none',
  replacedBy: 'none',
  exemplar: 'none',
  hasSkillLevel: 'none',
  isTranslationOf: 'none',
};

export const isCase = (value: ObjectOf): boolean => 'CFItems' in value || 'CFDocument' in value;

/**
 * A CASE package (CFDocument, CFItems, CFAssociations), as OpenSALT exports it. Competencies are the items, by
 * their identifier; their uri is an alias. Left out: associations with the document itself, and an
 * exactMatchOf to an item of another framework.
 * @throws Error that names the item or association and its field
 */
export function importCase(value: ObjectOf): FrameworkSource {
  const items = listOf(value, 'CFItems').map((item, at): Competency => {
    const where = `CFItems[${at}]`;
    if (!isObject(item)) throw new Error(`${where} must be an object; got ${said(item)}.`);
    const { uri } = item;
    const id = textOf(item, 'identifier', where);
    return typeof uri === 'string' && uri !== '' ? { id, aliases: [uri] } : { id };
  });
  const ids = new Set(items.flatMap(({ id, aliases = [] }) => [id, ...aliases]));
  const roots = namesOf(value['CFDocument']);
  const relations = listOf(value, 'CFAssociations', []).flatMap((association, at): Relation[] => {
    const where = `CFAssociations[${at}]`;
    if (!isObject(association)) {
      throw new Error(`${where} must be an object; got ${said(association)}.`);
    }
    const relationType = relationTypeOf(association, where);
    if (relationType === 'none') return [];
    const origin = endOf(association['originNodeURI'], { ids, where: `${where}.originNodeURI` });
    const destination = endOf(association['destinationNodeURI'], {
      ids,
      where: `${where}.destinationNodeURI`,
    });
    if (roots.has(destination) || roots.has(origin)) return [];
    const inside = ids.has(origin) && ids.has(destination);
    if (relationType === 'isEquivalentTo' && !inside) return [];
    return [{ source: origin, relationType, target: destination }];
  });
  return { competencies: items, relations };
}

function relationTypeOf(
  association: ObjectOf,
  where: string,
): 'narrows' | 'isEquivalentTo' | 'none' {
  const type = textOf(association, 'associationType', where);
  if (Object.hasOwn(ASSOCIATIONS, type)) return ASSOCIATIONS[type] as 'narrows';
  if (type.startsWith('ext:')) return 'none';
  throw new Error(
    `${where}.associationType must be one of ${Object.keys(ASSOCIATIONS).join(', ')}, or begin with ext:; got ${said(type)}.`,
  );
}

/** The names under which a LinkURI or a document is known. */
function namesOf(link: unknown): Set<string> {
  if (typeof link === 'string') return new Set([link]);
  if (!isObject(link)) return new Set();
  return new Set(
    [link['identifier'], link['uri']].filter((name) => typeof name === 'string' && name !== ''),
  ) as Set<string>;
}

/** The end's name that is an item's; otherwise the first it has, for the message. */
function endOf(link: unknown, { ids, where }: { ids: Set<string>; where: string }): string {
  const names = [...namesOf(link)];
  const name = names.find((known) => ids.has(known)) ?? names[0];
  if (name !== undefined) return name;
  throw new Error(`${where} must have an identifier or a uri; got ${said(link)}.`);
}
