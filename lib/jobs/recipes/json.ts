export type ObjectOf = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is ObjectOf =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A list as it is, nothing as no values, anything else as one. */
export const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];

/** A value of someone else's, quoted and cut at 100 characters. */
export function said(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/**
 * The value of a JSON-LD script. What is no JSON is mended only where its meaning is beyond doubt: wrappers of
 * comments and CDATA, comments, trailing commas, a semicolon at the end, raw control characters and `\'` in
 * texts, and quotes written as references. A missing quote, bracket or comma is not guessed.
 * @returns undefined for what cannot be read
 */
export function readJson(script: string): unknown {
  const text = script.trim();
  const plain = parse(text);
  if (plain !== undefined) return plain;
  const mended = parse(mend(text));
  if (mended !== undefined) return mended;
  if (!/^\s*[[{]\s*(?:[[{]\s*)?&(?:quot|#34|#x22);/i.test(text)) return undefined;
  // All quotes are references, so the script was escaped as a whole.
  return parse(mend(unescapeAll(text)));
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value === null ? undefined : value;
  } catch {
    return undefined;
  }
}

const REFERENCES: Readonly<Record<string, string>> = {
  quot: '"',
  '#34': '"',
  '#x22': '"',
  amp: '&',
  '#38': '&',
  '#x26': '&',
  lt: '<',
  gt: '>',
  '#39': "'",
  '#x27': "'",
  apos: "'",
};

/** The references that any escaper of HTML writes; others stay, as they are the text's own. */
const unescapeAll = (text: string): string =>
  text.replace(
    /&(quot|amp|lt|gt|apos|#34|#38|#39|#x22|#x26|#x27);/gi,
    (whole, name: string) => REFERENCES[name.toLowerCase()] ?? whole,
  );

const TEXT_END = /["\\]|\p{Cc}/gu;
const OUTSIDE = /["/<,;\]-]/g;

/** One pass; each character is looked at once, or twice behind a comma. */
function mend(text: string): string {
  const out: string[] = [];
  let at = 0;
  while (at < text.length) {
    OUTSIDE.lastIndex = at;
    const found = OUTSIDE.exec(text);
    if (found === null) break;
    out.push(text.slice(at, found.index));
    at = found[0] === '"' ? mendText(text, found.index, out) : mendMark(text, found.index, out);
  }
  if (at < text.length) out.push(text.slice(at));
  return out.join('').trim();
}

/** A text in quotes that begins at `from`; returns where it is over. */
function mendText(text: string, from: number, out: string[]): number {
  out.push('"');
  let at = from + 1;
  for (;;) {
    TEXT_END.lastIndex = at;
    const found = TEXT_END.exec(text);
    if (found === null) break;
    out.push(text.slice(at, found.index));
    const [char] = found;
    at = found.index + 1;
    if (char === '"') {
      out.push('"');
      return at;
    }
    if (char === '\\') {
      const next = text[at] ?? '';
      // JavaScript's \' is no JSON; a raw line end behind a backslash goes on in the next line.
      out.push(next === "'" ? "'" : next === '\n' ? '' : `\\${next}`);
      at += next === '' ? 0 : 1;
    } else out.push(JSON.stringify(char).slice(1, -1));
  }
  out.push(text.slice(at));
  return text.length;
}

/** What stands between texts: comments, wrappers, commas; returns where to go on. */
function mendMark(text: string, from: number, out: string[]): number {
  const end = commentEnd(text, from);
  if (end !== undefined) {
    out.push(' ');
    return end;
  }
  const char = text[from] as string;
  const next = nextAfter(text, from);
  if (char === ',' && (text[next] === '}' || text[next] === ']')) return from + 1;
  // Only at the very end: elsewhere it says that this is no JSON.
  if (char === ';' && next >= text.length) return text.length;
  out.push(char);
  return from + 1;
}

/** Where a comment or a wrapper that begins at `from` is over; undefined when none does. */
function commentEnd(text: string, from: number): number | undefined {
  const after = (mark: string, skip: number): number => {
    const found = text.indexOf(mark, from + skip);
    return found === -1 ? text.length : found + mark.length;
  };
  if (text.startsWith('<![CDATA[', from)) return from + 9;
  if (text.startsWith(']]>', from)) return from + 3;
  if (text.startsWith('/*', from)) return after('*/', 2);
  if (text.startsWith('//<![CDATA[', from)) return from + 11;
  if (text.startsWith('//', from)) return after('\n', 2);
  if (text.startsWith('-->', from)) return from + 3;
  if (!text.startsWith('<!--', from)) return undefined;
  // A comment around the whole script hid it from browsers of the nineties.
  const wraps = from === 0 && /^<!--[^>]{0,200}?[[{]/.test(text);
  return wraps ? 4 : after('-->', 4);
}

/** Where the next stands that is neither space nor comment. */
function nextAfter(text: string, from: number): number {
  if (text[from] !== ',' && text[from] !== ';') return from;
  let at = from + 1;
  for (let steps = 0; steps < 100; steps++) {
    while (at < text.length && /\s/.test(text[at] as string)) at += 1;
    const end = commentEnd(text, at);
    if (end === undefined) break;
    at = end;
  }
  return at;
}
