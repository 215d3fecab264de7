import { createHash } from 'node:crypto';
import { spoolIndexKey, spoolKey } from '../core/keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { LF } from './scan.ts';
import { readIndex, type SpoolIndex, type SpoolPlace } from './spool.ts';

/** What spooled sources of a batch were found to be. */
export interface SpoolCheck {
  /** Sources that were spooled; the others are read where they lie. */
  spooled: number;
  /** Each names its object. */
  problems: string[];
}

/** Compares the spooled bytes of a batch with their index: nothing else does, a chunk reads only its range. */
export async function checkSpool(
  objects: ObjectStore,
  { batch, sources }: { batch: string; sources: number },
): Promise<SpoolCheck> {
  const check: SpoolCheck = { spooled: 0, problems: [] };
  // Listed, since few of 10,000 sources are spooled, and asking for each would be a request.
  const first = spoolIndexKey(batch, 0);
  const stored = new Set<string>();
  for await (const key of objects.list(
    first.slice(0, first.lastIndexOf('/', first.lastIndexOf('/') - 1) + 1),
  )) {
    if (key.endsWith('/index.json')) stored.add(key);
  }
  for (let source = 0; source < sources; source += 1) {
    const place = { objects, batch, source };
    const key = spoolIndexKey(batch, source);
    if (!stored.has(key)) continue;
    let index: SpoolIndex | undefined;
    try {
      index = await readIndex(place);
    } catch (error) {
      check.problems.push(`${key}: ${(error as Error).message}`);
    }
    if (index === undefined) continue;
    check.spooled += 1;
    check.problems.push(...(await pieceProblems(place, index)));
  }
  return check;
}

async function pieceProblems(place: SpoolPlace, index: SpoolIndex): Promise<string[]> {
  const problems: string[] = [];
  const own = spoolIndexKey(place.batch, place.source);
  let bytes = 0;
  let lastLine = 0;
  for (const [number, digest] of index.sha256.entries()) {
    const key = spoolKey(place.batch, place.source, number);
    const piece = await place.objects.get(key);
    if (piece === undefined) problems.push(`${key}: missing`);
    else if (createHash('sha256').update(piece).digest('hex') !== digest) {
      problems.push(`${key}: its SHA-256 is not the one in ${own}`);
    }
    const lf = piece?.lastIndexOf(LF) ?? -1;
    if (lf >= 0) lastLine = bytes + lf + 1;
    bytes += piece?.length ?? 0;
  }
  const counted = index.fault === undefined ? bytes : lastLine;
  if (problems.length === 0 && (index.bytes !== counted || index.pieces !== index.sha256.length)) {
    problems.push(`${own}: does not fit its pieces`);
  }
  return problems;
}
