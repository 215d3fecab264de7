import type { SchemaIssue } from '../core/standard-schema.ts';

/** `column "siren": Too small: expected string to have >=9 characters; got "12"`, and how many more. */
export function issueText(issues: readonly SchemaIssue[], row: unknown): string {
  const issue = issues[0];
  const path = (issue?.path ?? []).map((step) =>
    String(typeof step === 'object' ? step.key : step),
  );
  let value: unknown = row;
  for (const step of path) value = (value as Record<string, unknown> | undefined)?.[step];
  const place = path.length > 0 ? `column "${path.join('.')}": ` : '';
  const got =
    path.length > 0 && typeof value !== 'object'
      ? `; got ${JSON.stringify(value) ?? 'nothing'}`
      : '';
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return `${place}${issue?.message ?? 'does not fit the schema'}${got.slice(0, 120)}${more}`;
}
