/** What spreadsheets take for the start of a formula, or skip over before they look for one. */
const FORMULA = /^[=+\-@\t\r＝＋－＠]/;
const PLAIN_NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
/** RFC 4180 asks for quotes around `"`, comma and line ends; `;` and TAB split cells in other locales. */
const NEEDS_QUOTES = /[",;\t\r\n]/;

/**
 * One cell of a CSV line, safe to open in a spreadsheet: text that would run as a formula gets a leading
 * apostrophe (plain numbers such as -5 and +3.2 do not), then RFC 4180 quoting.
 * null and undefined are empty; objects and arrays are JSON.
 */
export function csvCell(value: unknown): string {
  const text = asText(value);
  const inert = FORMULA.test(text) && !PLAIN_NUMBER.test(text) ? `'${text}` : text;
  return NEEDS_QUOTES.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? (JSON.stringify(value) ?? '') : String(value);
}
