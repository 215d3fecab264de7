import { reportKey, shuffleKey } from '../core/keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { committedParts, type PartName, sha256 } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { getPart, type PartBytes, trailerOf } from './read-part.ts';
import type { ReportState } from './report-files.ts';

/** Each part against the stored manifest, so that a difference names its part; and what lies beside it for a groupBy. */
export async function checkParts(
  { store, objects }: Pick<Engine, 'store' | 'objects'>,
  state: ReportState,
  verdict: { checked: string[]; problems: string[] },
): Promise<void> {
  const key = reportKey(state.batch.id, state.batch.round, 'manifest.jsonl');
  const manifest = (await objects.get(key)) ?? new Uint8Array();
  const lines = Buffer.from(manifest)
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  const { id: batch, round } = state.batch;
  let [at, shuffles] = [0, 0];
  for await (const name of allParts(store, state)) {
    const { key: part } = name;
    const line = parse(lines[at]);
    at += 1;
    try {
      const read = await getPart(objects, part);
      const { bytes } = read;
      if (line?.key !== part) verdict.problems.push(`${key}: line ${at} does not name ${part}`);
      else if (line.bytes !== bytes.length || line.sha256 !== sha256(bytes)) {
        verdict.problems.push(`${part}: its SHA-256 is not the one in the manifest`);
      } else {
        const shuffle = await checkShuffle(objects, { ...name, batch, round, part: read });
        if (shuffle?.problem !== undefined) verdict.problems.push(shuffle.problem);
        if (shuffle !== undefined) shuffles += 1;
      }
    } catch (error) {
      verdict.problems.push((error as Error).message);
    }
  }
  verdict.checked.push(`${at} parts`);
  if (shuffles > 0) verdict.checked.push(`${shuffles} shuffle objects`);
}

async function* allParts(
  store: Engine['store'],
  { stages }: ReportState,
): AsyncGenerator<PartName> {
  for (const { id, chunks } of stages) yield* committedParts(store, id, chunks);
}

function parse(
  line: string | undefined,
): { key?: string; bytes?: number; sha256?: string } | undefined {
  try {
    return JSON.parse(line ?? '') as { key?: string };
  } catch {
    return undefined;
  }
}

/** A committed part, read. */
interface CheckedPart extends PartName {
  batch: string;
  round: number;
  part: PartBytes;
}

/** What is wrong with the shuffle object beside a part, by the digest that the part says; undefined where it has none. */
async function checkShuffle(
  objects: ObjectStore,
  { batch, round, stage, chunk, epoch, key, part }: CheckedPart,
): Promise<{ problem: string | undefined } | undefined> {
  const { shuffle } = trailerOf(key, part);
  if (shuffle === undefined) return undefined;
  const name = shuffleKey({ batch, round, stage, chunk }, epoch);
  const bytes = await objects.get(name);
  if (bytes === undefined) return { problem: `${name}: the shuffle object is missing` };
  const same = sha256(bytes) === shuffle;
  return { problem: same ? undefined : `${name}: its SHA-256 is not the one its part says` };
}
