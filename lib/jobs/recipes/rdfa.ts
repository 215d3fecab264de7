import { type Attributes, isAddress, type Mark, type Syntax, wordsOf } from './scopes.ts';

const SCHEMA = /^https?:\/\/(?:www\.)?schema\.org\/?#?$/i;
const IN_SCHEMA = /^https?:\/\/(?:www\.)?schema\.org\/#?([^/#]+)\/?$/i;

interface Words {
  /** Whether plain words are schema.org's. */
  vocab: boolean;
  /** Prefixes that stand for schema.org. */
  prefixes: ReadonlySet<string>;
}

/** `schema` needs no declaration (RDFa 1.1, initial context). */
const START: Words = { vocab: false, prefixes: new Set(['schema']) };

/**
 * RDFa Lite 1.1 (vocab, typeof, property, resource, prefix) and `about`, as far as it speaks in words of schema.org.
 * What is of other vocabularies is no thing and no property.
 */
export function rdfa(): Syntax {
  const inherited: Words[] = [START];
  return {
    open(tag, attributes): Mark | undefined {
      const words = wordsFor(attributes, inherited.at(-1) as Words);
      inherited.push(words);
      const { typeof: types, property } = attributes;
      const id = attributes['resource'] ?? attributes['about'];
      if (types === undefined && property === undefined && id === undefined) return undefined;
      const properties = wordsOf(property).flatMap((word) => plain(word, words) ?? []);
      const own = wordsOf(types).flatMap((word) => plain(word, words) ?? []);
      if (own.length > 0) return { thing: { types: own, id }, properties };
      if (properties.length > 0) return { properties, value: valueIn(tag, attributes, properties) };
      // What stands in there is said of another thing, by its id.
      return id === undefined ? undefined : { thing: { types: [], id }, properties: [] };
    },
    close: () => void inherited.pop(),
  };
}

function wordsFor({ vocab, prefix }: Attributes, around: Words): Words {
  if (vocab === undefined && prefix === undefined) return around;
  const prefixes = new Set(around.prefixes);
  const parts = wordsOf(prefix);
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const name = (parts[at] as string).replace(/:$/, '').toLowerCase();
    if (SCHEMA.test(parts[at + 1] as string)) prefixes.add(name);
    else prefixes.delete(name);
  }
  return { vocab: vocab === undefined ? around.vocab : SCHEMA.test(vocab.trim()), prefixes };
}

/** The plain name of a word of schema.org; undefined for another's. */
function plain(word: string, { vocab, prefixes }: Words): string | undefined {
  const whole = IN_SCHEMA.exec(word)?.[1];
  if (whole !== undefined) return whole;
  const colon = word.indexOf(':');
  if (colon === -1) return vocab ? word : undefined;
  return prefixes.has(word.slice(0, colon).toLowerCase()) ? word.slice(colon + 1) : undefined;
}

function valueIn(
  tag: string,
  { content, datetime, resource, href, src }: Attributes,
  properties: readonly string[],
): string | undefined {
  const said = content ?? (tag === 'time' ? datetime : undefined);
  if (said !== undefined) return said;
  if (tag === 'a' && resource === undefined && !properties.some(isAddress)) return undefined;
  return resource ?? href ?? src;
}
