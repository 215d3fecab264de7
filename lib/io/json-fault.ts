type Expected = 'value' | 'valueOrClose' | 'key' | 'keyOrClose' | 'colon' | 'next' | 'end';

const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/**
 * Position of the first character at which `text` is no JSON; its length when it ends too early or is
 * JSON. V8's own messages differ between Node versions, and outcomes must not.
 */
export function jsonFault(text: string): number {
  const closers: string[] = [];
  let expected: Expected = 'value';
  let i = match(SPACE, text, 0);
  while (i < text.length) {
    const char = text[i] as string;
    if (
      char === closers.at(-1) &&
      expected !== 'value' &&
      expected !== 'key' &&
      expected !== 'colon'
    ) {
      closers.pop();
      i++;
      expected = closers.length > 0 ? 'next' : 'end';
    } else if (expected === 'colon' || expected === 'next') {
      if (char !== (expected === 'colon' ? ':' : ',')) return i;
      expected = expected === 'next' && closers.at(-1) === '}' ? 'key' : 'value';
      i++;
    } else if (expected === 'key' || expected === 'keyOrClose') {
      const end = char === '"' ? stringEnd(text, i) : { at: i, bad: true };
      if (end.bad) return end.at;
      i = end.at;
      expected = 'colon';
    } else if (expected === 'end') {
      return i;
    } else if (char === '{' || char === '[') {
      closers.push(char === '{' ? '}' : ']');
      expected = char === '{' ? 'keyOrClose' : 'valueOrClose';
      i++;
    } else {
      const end = char === '"' ? stringEnd(text, i) : scalarEnd(text, i);
      if (end.bad) return end.at;
      i = end.at;
      expected = closers.length > 0 ? 'next' : 'end';
    }
    i = match(SPACE, text, i);
  }
  return text.length;
}

function scalarEnd(text: string, from: number): { at: number; bad: boolean } {
  const end = match(SCALAR, text, from);
  return end < 0 ? { at: from, bad: true } : { at: end, bad: false };
}

function stringEnd(text: string, from: number): { at: number; bad: boolean } {
  for (let i = from + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) return { at: i + 1, bad: false };
    if (code < 0x20) return { at: i, bad: true };
    if (code !== 0x5c) continue;
    const end = match(ESCAPE, text, i);
    if (end < 0) return { at: i, bad: true };
    i = end - 1;
  }
  return { at: text.length, bad: true };
}
