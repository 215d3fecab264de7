import type { StoredRecord } from '../core/change.ts';
import { CHUNKS_PER_TALLY, partKey, tallyKey, tallyOf } from '../core/keys.ts';
import { markName } from '../core/transitions.ts';
import { type Batch, requireStage, stagesOf } from '../engine/batch.ts';
import { getSection, unzipSection } from '../engine/read-part.ts';
import type { Place } from './place.ts';

/** A line that an item logged, with its text as it is stored. */
export interface LogLine {
  text: string;
  time: number;
  level: string;
  /** Absent for groups: they have keys. */
  index?: number;
  key: string | null;
  msg: string;
}

/** What the items of a batch logged so far, round by round in input order: one chunk's lines in memory at a time. */
export async function* logLines(
  { store, objects }: Pick<Place, 'store' | 'objects'>,
  batch: Batch,
): AsyncGenerator<LogLine> {
  const rounds = Array.from({ length: batch.round + 1 }, (_, round) => round);
  for (const id of rounds.flatMap((round) => stagesOf({ ...batch, round }))) {
    const { rel } = await requireStage(store, id);
    let marks: StoredRecord | undefined;
    for (let chunk = 0; chunk < rel; chunk += 1) {
      if (chunk % CHUNKS_PER_TALLY === 0) marks = await store.read(tallyKey(id, tallyOf(chunk)));
      const epoch = marks?.[markName(chunk)] as number | undefined;
      if (epoch === undefined) continue;
      const key = partKey({ ...id, chunk }, epoch);
      const text = await unzipSection(key, await getSection(objects, key, 'log'));
      for (const line of text.toString().split('\n')) {
        if (line !== '') yield { ...(JSON.parse(line) as Omit<LogLine, 'text'>), text: line };
      }
    }
  }
}
