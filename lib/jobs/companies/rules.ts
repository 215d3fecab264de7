import { createHash } from 'node:crypto';
import type { Row } from './identifier.ts';

/** What texts of a row must be: rules that a test can decide, so that a text is rejected for a reason, or not at all. */
export interface TextRules {
  /** Columns that hold texts; none: nothing is checked. */
  columns: readonly string[];
  /** Characters of each text, blanks at its ends not counted. */
  minLength: number;
  maxLength: number;
  /** Words, or words in a row; each must occur in one of the texts. */
  required: readonly string[];
  /** None of these may occur. */
  forbidden: readonly string[];
}

export interface Rejection {
  code:
    | 'TEXT_MISSING'
    | 'TOO_SHORT'
    | 'TOO_LONG'
    | 'PLACEHOLDER'
    | 'FORBIDDEN_WORD'
    | 'REQUIRED_WORD'
    | 'DUPLICATE_TEXT';
  message: string;
}

/** Paragraphs below it may come twice: headings, addresses, a closing line. */
const PARAGRAPH_LENGTH = 40;

/** What a template leaves when nobody filled it in. */
const PLACEHOLDERS: readonly RegExp[] = [
  /\{\{[^{}]{0,80}\}\}/, // {{name}}
  /\$\{[^{}]{0,80}\}/, // ${name}
  /\{\d{1,2}\}/, // {0}
  /<%[^%]{0,80}%>/, // <%= name %>
  /%\(\w{1,40}\)s/, // %(name)s
  /\[(?:insert|your|enter|votre|nom|name|company|entreprise|ville|city|à compléter|a completer|todo|tbd)\b[^\]]{0,80}\]/i,
  /\blorem\s+ipsum\b/i,
  /\b(?:TODO|FIXME|TBD)\b/,
  /\bx{4,}\b/i,
];

/**
 * The first rule that a row's texts break, in this order: missing, length, placeholder, forbidden and required words,
 * duplicate. It looks at this row alone, so the answer is the same in every chunk and after every crash: a duplicate is
 * a column that says what another one says, or a paragraph of 40 characters and more that a text says twice.
 */
export function rejectionOf(row: Row, rules: TextRules): Rejection | undefined {
  const normal = new Map<string, string>();
  for (const column of rules.columns) {
    const text = String(row[column] ?? '').trim();
    const fault = faultOf(column, text, rules);
    if (fault !== undefined) return fault;
    normal.set(column, normalised(text));
  }
  const all = [...normal].map(([column, text]) => ({ column, text: ` ${text} ` }));
  const holder = (word: string) => all.find(({ text }) => text.includes(` ${normalised(word)} `));
  for (const word of rules.forbidden) {
    const found = holder(word);
    if (found === undefined) continue;
    return reject('FORBIDDEN_WORD', `${found.column} has the forbidden word ${said(word)}.`);
  }
  const missing = rules.required.find((word) => holder(word) === undefined);
  if (missing !== undefined && all.length > 0) {
    const where = rules.columns.join(' and ');
    return reject('REQUIRED_WORD', `${where} must have the word ${said(missing)}.`);
  }
  return duplicateOf(row, normal);
}

/**
 * A text by which equal ones are found, whoever wrote them: letters and digits without accents and case, single
 * blanks between words.
 */
export const normalised = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/**
 * 16 hex digits that rows with the same normalised texts have in common: which rows of a batch repeat each other is a
 * query over them. Undefined without columns.
 */
export function textKey(row: Row, { columns }: TextRules): string | undefined {
  if (columns.length === 0) return undefined;
  const texts = columns.map((column) => normalised(String(row[column] ?? '')));
  return createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 16);
}

function faultOf(column: string, text: string, rules: TextRules): Rejection | undefined {
  const { minLength, maxLength } = rules;
  // Characters as people count them, not UTF-16 units; the cheap bound first.
  const near = text.length < 2 * minLength || text.length > maxLength;
  const length = near ? [...text].length : undefined;
  if (text === '') return reject('TEXT_MISSING', `${column} is empty or not there.`);
  if (length !== undefined && length < minLength) {
    return reject(
      'TOO_SHORT',
      `${column} must have ${minLength} characters or more; got ${length}.`,
    );
  }
  if (length !== undefined && length > maxLength) {
    return reject(
      'TOO_LONG',
      `${column} must have at most ${maxLength} characters; got ${length}.`,
    );
  }
  const found = PLACEHOLDERS.map((one) => one.exec(text)?.[0]).find((one) => one !== undefined);
  if (found === undefined) return undefined;
  return reject('PLACEHOLDER', `${column} has a placeholder left in: ${said(found)}.`);
}

function duplicateOf(row: Row, normal: ReadonlyMap<string, string>): Rejection | undefined {
  const seen = new Map<string, string>();
  for (const [column, text] of normal) {
    const other = seen.get(text);
    if (other !== undefined) {
      return reject('DUPLICATE_TEXT', `${column} says the same as ${other}.`);
    }
    seen.set(text, column);
  }
  for (const column of normal.keys()) {
    const paragraphs = new Set<string>();
    for (const [at, line] of String(row[column]).split(/\n+/).entries()) {
      const text = normalised(line);
      if (text.length < PARAGRAPH_LENGTH) continue;
      if (paragraphs.has(text)) {
        const message = `${column} says paragraph ${at + 1} twice: ${said(line.trim())}.`;
        return reject('DUPLICATE_TEXT', message);
      }
      paragraphs.add(text);
    }
  }
  return undefined;
}

const reject = (code: Rejection['code'], message: string): Rejection => ({ code, message });

const said = (text: string): string =>
  JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);
