import type { StoredRecord } from '../../lib/core/change.ts';
import { reportKey } from '../../lib/core/keys.ts';
import { endOf, hasEnded, isCancel } from '../../lib/core/transitions.ts';
import { digestOfLines } from '../support/digest-of-lines.ts';
import type { SimPorts } from './engine-of.ts';
import { checkGroupStage } from './group-stage.ts';
import { chunkName, itemName } from './invariants.ts';
import { crashedLine, givenBy, notRunLine, oracleLine, oracleLineOf } from './job.ts';
import {
  givenIn,
  givenTo,
  type RoundsOf,
  roundItems,
  rowsIn,
  statusesAfter,
  wasCut,
} from './round-items.ts';
import { BATCH } from './truth.ts';

/** Deaths while an item was named after which the engine may blame it, killer or not. */
const DEATHS = 3;

/** What is asked of a world that has ended: outcomes, counters and reports of every round against the oracle's bytes. */
export function checkEnd(ports: SimPorts): void {
  const { world, truth } = ports;
  const { config } = world;
  const batch = truth.batch();
  if (batch === undefined || !hasEnded(batch['status'])) {
    world.violate(`not finished: ${JSON.stringify({ batch, stage: truth.stage(0) })}`);
    return;
  }
  const live = truth.records.get('live')?.get(BATCH);
  // Locally nobody sweeps the list: whoever lists batches reads each one's own record.
  const listed = config.shape === 'local' || live?.['status'] === batch['status'];
  if (!listed) world.violate(`the list says ${live?.['status']}`);
  if (truth.retryDue) world.violate('nobody got through with the retry');
  const newest = batch['round'] as number;
  if ((live?.['round'] as number) < newest)
    world.violate(`the list is at round ${live?.['round']}`);
  for (let round = 0; round <= newest; round += 1) {
    const ended = round === newest ? batch : truth.record({ batch: BATCH, sort: `E000${round}` });
    if (ended === undefined) world.violate(`nobody knows how round ${round} ended`);
    else checkRound(ports, round, ended);
  }
}

function checkRound(ports: SimPorts, round: number, ended: StoredRecord): void {
  const { world, truth, invariants } = ports;
  const { config } = world;
  const end = endOf(ended['stop'], truth.stage(round)?.['fault']);
  if (ended['status'] !== end) world.violate(`ended ${ended['status']}, its stop says ${end}`);
  const cut = isCancel(ended['stop']);
  const broken = ended['stop'] === 'broken' && config.changedAt === undefined;
  if (broken) world.violate(`round ${round} ended as ${ended['reason']}; no input changed`);
  if (round === 0) checkThreshold(ports, ended);
  const of = roundsOf(ports);
  for (const [number, { retried, next }] of roundItems(of, round).entries()) {
    if (number === config.groupAt) {
      const rounds = Array.from({ length: round + 1 }, (_, at) => at);
      const given = rounds
        .filter((one) => one === round || !wasCut(of, one))
        .flatMap((one) => rowsIn(invariants.rows(one, number - 1)))
        .sort((a, b) => a.index - b.index)
        .flatMap(givenIn);
      checkGroupStage(ports, { round, number, cut, given });
      continue;
    }
    const given = number === 0 ? undefined : givenTo(of, number, round);
    const fresh =
      number === 0
        ? Array.from({ length: round === 0 ? config.items : 0 }, (_, index) => index)
        : givenBy(invariants.rows(round, number - 1)).map((_, at) => next + at);
    checkStage(ports, { round, number, cut, all: [...retried, ...fresh], given });
  }
  checkReport(ports, round, ended['status']);
}

const roundsOf = ({ world, truth, invariants: { rows } }: SimPorts): RoundsOf => ({
  ...{ truth, rows, stages: world.config.stages, groupAt: world.config.groupAt },
});

interface CheckedStage {
  round: number;
  number: number;
  cut: boolean;
  /** Indexes of its items. */
  all: readonly number[];
  /** Of a later stage: what the one before gave, by number. */
  given?: ReadonlyMap<number, unknown> | undefined;
}

function checkStage(ports: SimPorts, { round, number, cut, all, given }: CheckedStage): void {
  const { world, truth, invariants } = ports;
  const stage = truth.stage(round, number);
  let [chunk, place] = [0, 0];
  const expected = (cut ? stage?.['rel'] : stage?.['sealed']) as number;
  for (; chunk < expected; chunk += 1) {
    const record = truth.chunk(round, chunk, number);
    const [first, count] = [record?.['first'], record?.['count']] as [number, number];
    if (first !== place)
      world.violate(`chunk ${chunk} of round ${round}, stage ${number} begins at ${first}`);
    place = first + count;
    const text = invariants.committed.get(chunkName(round, chunk, number)) ?? '';
    const indexes = all.slice(first, place);
    checkChunk(ports, { text, cut, round, number, indexes, given });
  }
  if (!cut && place !== all.length) {
    world.violate(`round ${round}, stage ${number} has ${place} items, ${all.length} expected`);
  }
  const marks = truth.marks(round, number);
  if (marks !== expected) world.violate(`${marks} chunks committed, ${expected} expected`);
}

/** A batch that ended done has no more failures than it tolerates; a retry is judged by no threshold but its own. */
function checkThreshold({ world, truth }: SimPorts, ended: StoredRecord): void {
  const { tolerate } = world.config;
  if (tolerate === undefined || ended['status'] !== 'done') return;
  let failed = 0;
  for (const [sort, tally] of truth.records.get(BATCH) ?? []) {
    if (sort.startsWith('T0000')) failed += (tally['failed'] ?? 0) as number;
  }
  if (failed > tolerate) world.violate(`done with ${failed} failures, ${tolerate} tolerated`);
}

function checkChunk(
  { world, invariants }: SimPorts,
  {
    text,
    cut,
    round,
    number,
    indexes,
    given,
  }: Omit<CheckedStage, 'all'> & { text: string; indexes: readonly number[] },
): void {
  const { config } = world;
  const lines = text.split(/(?<=\n)/).filter((line) => line !== '');
  if (lines.length !== indexes.length) {
    world.violate(`a chunk of round ${round} has ${lines.length} rows of ${indexes.length} items`);
    return;
  }
  let stopped = false;
  for (const [at, line] of lines.entries()) {
    const index = indexes[at] as number;
    if (line === notRunLine(index)) {
      if (!cut) world.violate(`item ${index} was not run in a round that was not stopped`);
      stopped = true;
      continue;
    }
    // What waits, for a remote, a slot or its group, is passed by.
    const waits = config.polls ?? config.quota ?? config.groups;
    if (stopped && waits === undefined) world.violate(`item ${index} ran after one that did not`);
    const right =
      number === 0
        ? oracleLine(config, index, round)
        : oracleLineOf(config, { stage: number, index, round }, given?.get(index));
    if (line === right) continue;
    const blamed = invariants.blamed.get(itemName(round, index, number)) ?? 0;
    if (line === crashedLine(index, number > 0 ? `${index}` : undefined) && blamed >= DEATHS) {
      world.hit('innocentCrashed');
      continue;
    }
    if (config.fickle && index !== config.killer && isRow(line, index)) continue;
    world.violate(`item ${index} of round ${round}, stage ${number} is recorded as ${line.trim()}`);
  }
}

function isRow(line: string, index: number): boolean {
  const row = JSON.parse(line) as { index: number; key: string; status: string };
  return row.index === index && row.key === `k${index}` && row.status !== 'notRun';
}

/** The report of a round: its counts against each item's row of the highest round in which it ran, its digest against its rows. */
function checkReport(ports: SimPorts, round: number, status: unknown): void {
  const { world, truth, invariants } = ports;
  const bytes = truth.objects.get(reportKey(BATCH, round, 'report.json'));
  if (bytes === undefined) {
    world.violate(`there is no report of round ${round}`);
    return;
  }
  const report = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown> & {
    digests: Record<string, string>;
  };
  const statuses = statusesAfter(roundsOf(ports), round).flatMap((stage) => [...stage.values()]);
  const counts: Record<string, number> = { ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 0 };
  for (const one of statuses) counts[one] = (counts[one] ?? 0) + 1;
  for (const [one, items] of Object.entries(counts)) {
    if (report[one] !== items) {
      world.violate(`the report of round ${round} has ${report[one]} ${one}, the rows ${items}`);
    }
  }
  if (report['total'] !== statuses.length)
    world.violate(`the report's total is ${report['total']}`);
  if (report['status'] !== status) world.violate('the report ends otherwise');
  const failures = truth.objects.get(reportKey(BATCH, round, 'failures.jsonl')) ?? [];
  const open = Buffer.from(failures).toString().split('\n').length - 1;
  if (open !== (counts['failed'] ?? 0) + (counts['stalled'] ?? 0)) {
    world.violate(`round ${round} leaves ${open} lines of failures`);
  }
  const stages = Array.from({ length: world.config.stages }, (_, at) => invariants.rows(round, at));
  if (report.digests['outcomes'] !== digestOfLines(stages)) {
    world.violate("the report's digest is not that of the rows that were committed");
  }
}
