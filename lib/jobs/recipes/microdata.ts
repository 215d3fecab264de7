import { type Attributes, isAddress, type Mark, type Syntax, wordsOf } from './scopes.ts';

/** Which attribute holds an element's value (HTML standard, microdata, "Values"); others have their text. */
const VALUE_OF: Readonly<Record<string, string>> = {
  a: 'href',
  area: 'href',
  link: 'href',
  audio: 'src',
  embed: 'src',
  iframe: 'src',
  img: 'src',
  source: 'src',
  track: 'src',
  video: 'src',
  object: 'data',
  data: 'value',
  meter: 'value',
  time: 'datetime',
};

export const microdata: Syntax = {
  open(tag, attributes): Mark | undefined {
    const { itemscope, itemprop } = attributes;
    if (itemscope === undefined && itemprop === undefined) return undefined;
    const properties = wordsOf(itemprop).map(plainName);
    if (itemscope === undefined) return { properties, value: valueIn(tag, attributes, properties) };
    const types = wordsOf(attributes['itemtype']);
    const refers = wordsOf(attributes['itemref']);
    return { thing: { types, id: attributes['itemid']?.trim(), refers }, properties };
  },
  close: () => undefined,
};

/** A property may be written as its whole address. */
const plainName = (name: string): string => name.replace(/^https?:\/\/schema\.org\//i, '');

/** Pages write `content` on any element, against the standard but with a plain meaning. */
function valueIn(
  tag: string,
  attributes: Attributes,
  properties: readonly string[],
): string | undefined {
  const { content } = attributes;
  if (content !== undefined) return content;
  if (tag === 'a' && !properties.some(isAddress)) return undefined;
  return Object.hasOwn(VALUE_OF, tag) ? attributes[VALUE_OF[tag] as string] : undefined;
}
