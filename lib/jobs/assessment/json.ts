export type ObjectOf = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is ObjectOf =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A list below `value`. Throws an Error that names the key, unless it is missing and there is a fallback. */
export function listOf(value: ObjectOf, key: string, fallback?: unknown[]): readonly unknown[] {
  const list = value[key] ?? fallback;
  if (Array.isArray(list)) return list;
  throw new Error(`${key} must be a list; got ${said(value[key])}.`);
}

/** A text below `value` that is not empty. Throws an Error that names the place and the key. */
export function textOf(value: ObjectOf, key: string, where: string): string {
  const text = value[key];
  if (typeof text === 'string' && text !== '') return text;
  throw new Error(`${where}.${key} must be a text; got ${said(text)}.`);
}

/** A value of someone else's, quoted and cut at 100 characters. */
export function said(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
