import type { RecordKey } from '../core/change.ts';
import { SluiceError } from '../core/errors.ts';
import {
  batchKey,
  CHUNKS_PER_TALLY,
  chunkKey,
  endedRoundKey,
  liveKey,
  retryListKey,
  stageKey,
  tallyKey,
} from '../core/keys.ts';
import { keepOn, listRound, startRound } from '../core/round-transitions.ts';
import type { Tolerance } from '../core/tolerance.ts';
import { newStage, putIfAbsent } from '../core/transitions.ts';
import { runBounded } from '../pool/run-bounded.ts';
import { type Batch, readBatch, requireStage, stagesOf } from './batch.ts';
import type { Engine } from './engine.ts';
import type { RetryPlan } from './plan-retry.ts';
import { endedRound } from './rounds.ts';
import { sendStep } from './send.ts';

export interface NewRound {
  plan: RetryPlan;
  /** SHA-256 of the job file that the round runs. */
  digest: string;
  tolerate?: Tolerance | undefined;
}

type RoundPorts = Pick<Engine, 'clock' | 'store' | 'objects' | 'queue' | 'log'>;

/**
 * PROTOCOL retry: the list of the round, its stage record, the list entry, and last the batch record, which only
 * moves from the ended round to the next; then plan, won or not. Returns the batch in its new round. Throws `STATE`
 * when another retry was first.
 */
export async function startNextRound(
  engine: RoundPorts,
  batch: Batch,
  { plan, digest, tolerate }: NewRound,
): Promise<Batch> {
  const { store, clock } = engine;
  const { id } = batch;
  const { round } = plan;
  const key = batchKey(id);
  const record = await store.read(key);
  if (record?.['round'] !== batch.round || record['status'] !== batch.status) throw overtaken(id);
  await engine.objects.put(retryListKey(id, round, plan.choice.sha256), plan.list);
  if (record['expires'] !== undefined) await keepRecords(engine, record['expires'] as number, id);
  await store.change(endedRoundKey(id, batch.round), putIfAbsent(endedRound(record)));
  const stages = stagesOf({ id, round, settings: batch.settings });
  for (const stage of stages)
    await store.change(stageKey(stage), putIfAbsent(newStage(stages.length)));
  const entry = { id, job: batch.job, input: batch.input.name, startedAt: batch.startedAt };
  const listed = putIfAbsent({ ...entry, round, status: 'running' });
  if (!(await store.change(liveKey(id), listed)).applied) {
    await store.change(liveKey(id), listRound(round));
  }
  const choice = tolerate === undefined ? plan.choice : { ...plan.choice, tolerate };
  const roundAt = Math.floor(clock.now());
  const facts = { filter: JSON.stringify(choice), digest, roundAt };
  await store.change(key, startRound(round, facts));
  // Won or not: whoever won may have died before it told the planner.
  await sendStep(engine, 'plan', { batch: id, round });
  const now = await readBatch(store, id);
  const ours = JSON.stringify(now?.filter) === facts.filter && now?.digest === digest;
  if (now?.round !== round || !ours) throw overtaken(id);
  return now;
}

const overtaken = (id: string): SluiceError =>
  new SluiceError('STATE', `Batch ${id} was changed by somebody else a moment ago.`, {
    hint: `See how it is: sluice status ${id}`,
  });

/** Records changed at once. */
const WIDTH = 25;

/** Before the round begins: what it is made of, and what its report counts, must not expire under it. */
async function keepRecords(engine: RoundPorts, expires: number, id: string): Promise<void> {
  const { store, clock } = engine;
  if (expires * 1000 <= clock.now()) {
    throw new SluiceError('STATE', `The records of batch ${id} have expired (the stack's keep).`, {
      hint: `Its failures.jsonl, while the report bucket keeps it, can be submitted as a new batch.`,
    });
  }
  const batch = (await readBatch(store, id)) as Batch;
  await runBounded(recordsOf(store, batch), WIDTH, async (key) => {
    await store.change(key, keepOn());
  });
}

/** All records of a batch's rounds so far, but the batch record and the list entry. */
export async function* recordsOf(
  store: Engine['store'],
  { id, round: newest, settings }: Pick<Batch, 'id' | 'round' | 'settings'>,
): AsyncGenerator<RecordKey> {
  for (let round = 0; round <= newest; round += 1) {
    if (round < newest) yield endedRoundKey(id, round);
    for (const stage of stagesOf({ id, round, settings })) {
      const { planned } = await requireStage(store, stage);
      yield stageKey(stage);
      for (let tally = 0; tally * CHUNKS_PER_TALLY < planned; tally += 1)
        yield tallyKey(stage, tally);
      for (let chunk = 0; chunk < planned; chunk += 1) yield chunkKey({ ...stage, chunk });
    }
  }
}
