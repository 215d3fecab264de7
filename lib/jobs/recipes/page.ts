import { parseHtml } from './html.ts';
import { microdata } from './microdata.ts';
import { rdfa } from './rdfa.ts';
import { type Attributes, newScopes, type Scopes, type Thing, wordsOf } from './scopes.ts';

/** What a page says about itself and about things, before anybody judges it. */
export interface Page {
  /** False where its elements lie too deep in one another to be read to its end. */
  whole: boolean;
  /** Texts of its JSON-LD scripts, in order. */
  scripts: readonly string[];
  microdata: readonly Thing[];
  rdfa: readonly Thing[];
  /** As written, in `<link rel="canonical">` or else `og:url`. */
  canonical: string | undefined;
  /** As written, in `<base href>`. */
  base: string | undefined;
  language: string | undefined;
  image: string | undefined;
}

/** More scripts of JSON-LD than any page needs. */
const MAX_SCRIPTS = 200;

/** Reads a page in one pass (two where microdata refers to elements elsewhere). Never throws. */
export function readPage(html: string): Page {
  const ids = /\bitemref\b/i.test(html) ? referredIds(html) : new Set<string>();
  const syntaxes = [
    /\bitemscope\b/i.test(html) ? newScopes(microdata, (id) => ids.has(id)) : undefined,
    /\btypeof\s*=/i.test(html) ? newScopes(rdfa()) : undefined,
  ];
  const scopes = syntaxes.filter((one) => one !== undefined);
  const head = newHead();
  const scripts = newScripts();
  const whole = parseHtml(html, {
    open(tag, attributes) {
      head.open(tag, attributes);
      scripts.open(tag, attributes);
      for (const scope of scopes) scope.open(tag, attributes);
    },
    text(text) {
      scripts.text(text);
      for (const scope of scopes) scope.text(text);
    },
    close(tag) {
      scripts.close();
      for (const scope of scopes) scope.close(tag);
    },
  });
  for (const scope of scopes) scope.end();
  const thingsOf = (scope: Scopes | undefined): readonly Thing[] => scope?.things ?? [];
  return {
    whole,
    scripts: scripts.texts,
    microdata: thingsOf(syntaxes[0]),
    rdfa: thingsOf(syntaxes[1]),
    ...head.found(),
  };
}

function referredIds(html: string): Set<string> {
  const ids = new Set<string>();
  parseHtml(html, {
    open(_tag, { itemref }) {
      for (const id of wordsOf(itemref)) ids.add(id);
    },
  });
  return ids;
}

function newScripts() {
  const texts: string[] = [];
  let inside: string[] | undefined;
  return {
    texts,
    open(tag: string, { type }: Attributes): void {
      const isJsonLd = tag === 'script' && /^\s*application\/ld\+json\b/i.test(type ?? '');
      if (isJsonLd && texts.length < MAX_SCRIPTS) inside = [];
    },
    text(text: string): void {
      inside?.push(text);
    },
    close(): void {
      if (inside === undefined) return;
      texts.push(inside.join(''));
      inside = undefined;
    },
  };
}

type Head = Pick<Page, 'canonical' | 'base' | 'language' | 'image'>;

/** The first of each counts, as in browsers. */
function newHead() {
  const found: Record<string, string> = {};
  const keep = (name: string, value: string | undefined): void => {
    const text = value?.trim() ?? '';
    if (text !== '' && found[name] === undefined) found[name] = text;
  };
  const meta = ({ content, ...rest }: Attributes): void => {
    const name = (rest['property'] ?? rest['name'] ?? rest['http-equiv'] ?? '').toLowerCase();
    if (name === 'og:url' || name === 'og:image' || name === 'og:locale') keep(name, content);
    // Of several languages none is the page's.
    if (name === 'content-language' && !content?.includes(',')) keep(name, content);
  };
  return {
    open(tag: string, attributes: Attributes): void {
      if (tag === 'meta') meta(attributes);
      else if (tag === 'html') keep('lang', attributes['lang'] ?? attributes['xml:lang']);
      else if (tag === 'base') keep('base', attributes['href']);
      else if (tag === 'link' && wordsOf(attributes['rel']?.toLowerCase()).includes('canonical')) {
        keep('canonical', attributes['href']);
      }
    },
    found: (): Head => ({
      canonical: found['canonical'] ?? found['og:url'],
      base: found['base'],
      language: found['lang'] ?? found['content-language'] ?? found['og:locale'],
      image: found['og:image'],
    }),
  };
}
