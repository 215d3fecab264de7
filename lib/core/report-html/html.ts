import { cut, visible } from '../format.ts';

/** A symbol, so that no JSON document can pass for trusted markup. */
const MARKUP = Symbol('markup');

/** Markup that may go into the page as it is: only `html` and `raw` make it. */
export interface Html {
  readonly [MARKUP]: string;
}

type Slot = Html | string | number | false | undefined | readonly Html[];

/** Markup with every text in a slot escaped and its control characters made visible. */
export function html(strings: TemplateStringsArray, ...slots: Slot[]): Html {
  let text = strings[0] ?? '';
  slots.forEach((slot, i) => {
    text += fill(slot) + (strings[i + 1] ?? '');
  });
  return raw(text);
}

/** For constants of this folder only, never for data. */
export const raw = (markup: string): Html => ({ [MARKUP]: markup });
export const nothing: Html = raw('');
export const toText = (page: Html): string => page[MARKUP];

function fill(slot: Slot): string {
  if (slot === undefined || slot === false) return '';
  if (Array.isArray(slot)) return slot.map(fill).join('');
  if (typeof slot === 'object' && MARKUP in slot) return slot[MARKUP];
  return escapeHtml(String(slot));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for element content and quoted attributes: five characters escaped, hidden characters shown. */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (found) => ENTITIES[found] ?? found);
}

/** Longest texts shown, in code points: they keep the page under 150 KB with every list at its limit. */
const LIMITS = {
  key: 80,
  message: 200,
  code: 40,
  worker: 48,
  name: 120,
  option: 160,
  reason: 500,
} as const;

/**
 * Foreign text, cut to its limit in code points, and to twice that in bytes once escaped: 200 quotes
 * would be 1,200 bytes, and 40 such examples alone 48 KB.
 */
export function show(text: unknown, kind: keyof typeof LIMITS): string {
  const limit = LIMITS[kind];
  const short = cut(String(text), limit);
  let bytes = 0;
  let kept = '';
  for (const char of short) {
    bytes += bytesOf(char);
    if (bytes > limit * 2) return `${kept}…`;
    kept += char;
  }
  return kept;
}

function bytesOf(char: string): number {
  const escaped = escapeHtml(char);
  const point = char.codePointAt(0) ?? 0;
  if (escaped !== char) return escaped.length;
  return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

/** A percentage for SVG geometry: finite, 0 to 100, at most 3 decimals. */
export function pct(part: number, whole: number): string {
  const value = whole > 0 && Number.isFinite(part) ? (part / whole) * 100 : 0;
  return `${Number(Math.min(100, Math.max(0, value)).toFixed(3))}%`;
}

/** A table that scrolls inside its own box on narrow screens, reachable by keyboard. */
export function table(options: { caption: string; head: Html; rows: readonly Html[] }): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${options.caption}"><table>
<caption class="sr">${options.caption}</caption>
<thead><tr>${options.head}</tr></thead>
<tbody>${options.rows}</tbody>
</table></div>`;
}

/** Share of a whole as a small bar in a table cell; the number stands beside it. */
export const shareBar = (part: number, whole: number, tone = 'accent'): Html =>
  html`<svg class="share" aria-hidden="true" focusable="false"><rect class="track" width="100%" height="100%" rx="2"/><rect class="f-${tone}" width="${pct(part, whole)}" height="100%" rx="2"/></svg>`;

export const icon = (name: string): Html =>
  html`<svg class="i c-${name}" aria-hidden="true" focusable="false"><use href="#i-${name}"/></svg>`;
