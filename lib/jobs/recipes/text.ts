import { parseHtml } from './html.ts';

/** Elements that begin on a line of their own. */
const BLOCKS = new Set(
  'address article aside blockquote br dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tbody tfoot thead tr ul'.split(
    ' ',
  ),
);
/** Elements whose content nobody reads. */
const SILENT = new Set(['script', 'style', 'noscript', 'template', 'iframe', 'svg']);

export const isBlock = (tag: string): boolean => BLOCKS.has(tag);
export const isSilent = (tag: string): boolean => SILENT.has(tag);

/**
 * A reference with its semicolon, a tag, or a comment: what makes a text HTML. Without a semicolon `&copy` may as well
 * be a text's own.
 */
const HTML =
  /&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});|<\/?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*)?>|<!--/;

/** HTML, or text, without tags; blocks are on lines of their own. */
function stripped(html: string): string {
  let silent = 0;
  const pieces: string[] = [];
  parseHtml(html, {
    open(name) {
      if (isSilent(name)) silent += 1;
      else if (isBlock(name)) pieces.push('\n');
    },
    text(text) {
      if (silent === 0) pieces.push(text);
    },
    close(name) {
      if (isSilent(name)) silent -= 1;
      else if (isBlock(name)) pieces.push('\n');
    },
  });
  return pieces.join('');
}

/**
 * Zero-width spaces, soft hyphens and marks of direction: nobody sees them, and they make equal texts differ. The
 * zero-width joiner and non-joiner stay: some scripts and emoji are written with them.
 */
const UNSEEN = /[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff]/g;
const CONTROL = /[^\P{Cc}\n]/gu;
/** Half of a pair of UTF-16: no UTF-8 can hold it. */
const LONE = /\p{Surrogate}/gu;

/** Its lines, without tags, references and doubled spaces; blank lines are left out. */
export function linesOf(text: string): string[] {
  let plain = text;
  // The second time for what a CMS has escaped twice: `&amp;eacute;`, `&lt;p&gt;`.
  for (let pass = 0; pass < 2 && HTML.test(plain); pass++) plain = stripped(plain);
  return plain
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(CONTROL, ' ')
    .replace(UNSEEN, '')
    .replace(LONE, '\ufffd')
    .normalize('NFC')
    .split('\n')
    .map((line) => line.split(/\s+/).filter(Boolean).join(' '))
    .filter((line) => line !== '');
}

/** The same as one line; '' for what holds nothing. */
export const lineOf = (text: string): string => linesOf(text).join(' ');
