import { createHash } from 'node:crypto';
import type { SourcePin } from '../core/records.ts';

export interface BatchIdentity {
  job: string;
  sources: readonly SourcePin[];
  options: Record<string, unknown>;
  readerOptions: object;
  /** Only when it was given. */
  now: number | undefined;
  /** Makes another batch of the same input and job. */
  again: string | undefined;
}

/**
 * `<job>-<10 letters>`: the same unchanged input, job and options are the same batch. What changes no
 * outcome (concurrency, chunk size) and the job's code are not part of it.
 */
export function batchId({
  job,
  sources,
  options,
  readerOptions,
  now,
  again,
}: BatchIdentity): string {
  const pins = sources.map(({ name, bytes, version }) => [name, bytes, version]);
  const text = JSON.stringify([
    job,
    pins,
    sortedEntries(options),
    sortedEntries(readerOptions),
    now ?? null,
    again ?? null,
  ]);
  const bits = createHash('sha256').update(text).digest();
  // 32 letters without the ones that are read as one another (0 o, 1 l).
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789';
  let id = '';
  for (let at = 0; at < 10; at += 1) id += letters[(bits[at] as number) % 32];
  return `${job}-${id}`;
}

const sortedEntries = (object: object): [string, unknown][] =>
  Object.entries(object)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
