import { RECORD_VERSION, type StoredRecord } from '../../lib/core/change.ts';
import { reportKey } from '../../lib/core/keys.ts';
import { batchState } from '../../lib/engine/status.ts';
import type { CheckpointStore } from '../../lib/ports/checkpoint-store.ts';
import type { SimPorts } from './engine-of.ts';
import { BATCH } from './truth.ts';

/** What `status` counts from the tallies of a batch that has ended, against its newest report. */
export async function checkOpenFailures({ world, truth }: SimPorts): Promise<void> {
  // Records of a newer version, as that version reads them.
  const store: Pick<CheckpointStore, 'read' | 'query'> = {
    read: async (key) => owned(truth.record(key)),
    query: async (batch, from, to) =>
      [...(truth.records.get(batch) ?? [])]
        .filter(([sort]) => from <= sort && sort <= to)
        .map(([sort, record]) => ({ sort, record: owned(record) })),
  };
  const state = await batchState(store as CheckpointStore, BATCH);
  const round = truth.batch()?.['round'] as number;
  const bytes = truth.objects.get(reportKey(BATCH, round, 'report.json')) ?? [];
  const { failed, stalled } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, number>;
  const says = `${state?.open.failed} failed, ${state?.open.stalled} stalled`;
  if (says === `${failed} failed, ${stalled} stalled`) return;
  world.violate(`status says ${says}; the report of round ${round} ${failed} and ${stalled}`);
}

const owned = <T extends StoredRecord | undefined>(record: T): T =>
  record === undefined ? record : { ...record, v: RECORD_VERSION };
