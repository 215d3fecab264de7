import { gunzipSync } from 'node:zlib';
import { reportKey } from '../../lib/core/keys.ts';
import { FOOT_BYTES } from '../../lib/engine/part.ts';
import { sectionsOf } from '../../lib/engine/read-part.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';

/** Outcomes of a finished batch: the parts' first members, decompressed and concatenated in index order. */
export async function gatherOutcomes(objects: ObjectStore, batch: string): Promise<string> {
  const manifest = await objects.get(reportKey(batch, 0, 'manifest.jsonl'));
  let text = '';
  for (const line of Buffer.from(manifest ?? [])
    .toString()
    .split('\n')
    .filter(Boolean)) {
    const { key } = JSON.parse(line) as { key: string };
    const bytes = (await objects.get(key)) as Uint8Array;
    const { outcomes } = sectionsOf(key, bytes.subarray(bytes.length - FOOT_BYTES), bytes.length);
    text += gunzipSync(bytes.subarray(outcomes.start, outcomes.end)).toString();
  }
  return text;
}
