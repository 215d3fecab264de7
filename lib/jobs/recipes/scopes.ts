import { isBlock, isSilent } from './text.ts';

/** What a page says of one thing, in the form of JSON-LD: `@type`, `@id`, and values by property. */
export type Thing = Record<string, unknown>;

export type Attributes = Readonly<Record<string, string>>;

/** How one element takes part in a syntax (microdata, RDFa). */
export interface Mark {
  /** The element is a thing of its own. */
  thing?:
    | { types: readonly string[]; id: string | undefined; refers?: readonly string[] }
    | undefined;
  /** Properties of the thing around it that it gives a value to. */
  properties: readonly string[];
  /** The value where an attribute holds it; else it is the thing, or the element's text. */
  value?: string | undefined;
}

/** What reads the marks of one syntax. */
export interface Syntax {
  open(tag: string, attributes: Attributes): Mark | undefined;
  close(): void;
}

/** An element that other things refer to by its id (microdata's itemref). */
export type IsReferred = (id: string) => boolean;

interface Frame {
  /** Scopes that end with the element. */
  scopes: number;
  text: { properties: readonly string[]; from: number | undefined } | undefined;
}

interface Scope {
  thing: Thing;
  /** Not a thing: it collects what a referred element holds, which goes to the thing around it as well. */
  referred: boolean;
}

/** Texts that may be collected at once, as each character goes to all of them. */
const MAX_OPEN_TEXTS = 16;
/** Of one page: far above what a page of recipes and comments has. */
const MAX_VALUES = 50_000;

export interface Scopes {
  open(tag: string, attributes: Attributes): void;
  text(text: string): void;
  close(tag: string): void;
  /** All things, in the order in which they begin. */
  things: readonly Thing[];
  /** Once all is read: gives things what the elements hold that they refer to. */
  end(): void;
}

/** Builds the things of a page in one pass over its elements; nothing recurses. */
export function newScopes(syntax: Syntax, isReferred: IsReferred = () => false): Scopes {
  const things: Thing[] = [];
  const refers: { thing: Thing; ids: readonly string[] }[] = [];
  const referred = new Map<string, Thing>();
  const frames: Frame[] = [];
  const scopes: Scope[] = [];
  const texts = newTexts();
  let values = 0;

  const add = (properties: readonly string[], value: unknown): void => {
    for (let at = scopes.length - 1; at >= 0; at--) {
      const { thing, referred: goesOn } = scopes[at] as Scope;
      for (const property of properties) {
        values += 1;
        if (values <= MAX_VALUES) addValue(thing, property, value);
      }
      if (!goesOn) return;
    }
  };
  const enter = (frame: Frame, scope: Scope): void => {
    scopes.push(scope);
    frame.scopes += 1;
  };
  const take = (frame: Frame, { thing, properties, value }: Mark): void => {
    if (thing !== undefined) {
      const made = newThing(thing);
      if (properties.length > 0) add(properties, made);
      things.push(made);
      if (thing.refers !== undefined) refers.push({ thing: made, ids: thing.refers });
      enter(frame, { thing: made, referred: false });
    } else if (value !== undefined) add(properties, value.trim());
    else if (properties.length > 0) frame.text = { properties, from: texts.begin() };
  };

  return {
    things,
    open(tag, attributes) {
      texts.tag(tag, 1);
      const frame: Frame = { scopes: 0, text: undefined };
      frames.push(frame);
      const { id } = attributes;
      if (id !== undefined && isReferred(id) && !referred.has(id)) {
        const thing = newThing({ types: [], id: undefined });
        referred.set(id, thing);
        enter(frame, { thing, referred: true });
      }
      const mark = syntax.open(tag, attributes);
      if (mark !== undefined) take(frame, mark);
    },
    text: texts.add,
    close(tag) {
      const { text, scopes: entered } = frames.pop() as Frame;
      texts.tag(tag, -1);
      if (text?.from !== undefined) add(text.properties, texts.end(text.from));
      scopes.length -= entered;
      syntax.close();
    },
    end() {
      for (const { thing, ids } of refers) {
        for (const [property, value] of ids.flatMap((id) =>
          Object.entries(referred.get(id) ?? {}),
        )) {
          values += 1;
          if (values <= MAX_VALUES) addValue(thing, property, value);
        }
      }
    },
  };
}

/** Collects the text of elements while it goes by. */
function newTexts() {
  let pieces: string[] = [];
  let open = 0;
  let silent = 0;
  return {
    /** Where the text of an element begins; undefined when too many are open. */
    begin(): number | undefined {
      if (open >= MAX_OPEN_TEXTS) return undefined;
      open += 1;
      return pieces.length;
    },
    end(from: number): string {
      const text = pieces.slice(from).join('');
      open -= 1;
      if (open === 0) pieces = [];
      return text;
    },
    /** An element that begins (1) or ends (-1). */
    tag(tag: string, step: 1 | -1): void {
      if (isSilent(tag)) silent += step;
      else if (open > 0 && isBlock(tag)) pieces.push('\n');
    },
    add(text: string): void {
      // In HTML a line end is a space; what begins a line is a block.
      if (open > 0 && silent === 0) pieces.push(text.replace(/\s+/g, ' '));
    },
  };
}

const newThing = ({ types, id }: NonNullable<Mark['thing']>): Thing => {
  // Without a prototype a property may have any name.
  const thing: Thing = Object.create(null) as Thing;
  if (types.length > 0) thing['@type'] = types;
  if (id !== undefined) thing['@id'] = id;
  return thing;
};

/** A second value makes a list; the list is the thing's own, since what is referred to may be given twice. */
function addValue(thing: Thing, property: string, value: unknown): void {
  const there = thing[property];
  const more = Array.isArray(value) ? value : [value];
  if (Array.isArray(there)) there.push(...more);
  else
    thing[property] =
      there === undefined && more === value
        ? [...more]
        : there === undefined
          ? value
          : [there, ...more];
}

/** Properties whose value is an address; of others a link is a person's or a category's page, and its text is meant. */
const ADDRESSES = new Set(
  'contentUrl discussionUrl embedUrl image logo mainEntityOfPage sameAs thumbnail thumbnailUrl url video'.split(
    ' ',
  ),
);

export const isAddress = (property: string): boolean => ADDRESSES.has(property);

/** Words of an attribute that lists some, at most 20. */
export const wordsOf = (text: string | undefined): string[] =>
  (text ?? '').split(/\s+/, 21).filter(Boolean).slice(0, 20);
