import { reportKey } from '../../lib/core/keys.ts';
import { endOf, hasEnded, isCancel } from '../../lib/core/transitions.ts';
import { newBlockDigest } from '../../lib/engine/digest-blocks.ts';
import type { SimPorts } from './engine-of.ts';
import { crashedLine, notRunLine, oracleLine } from './job.ts';
import { BATCH } from './truth.ts';

/** Deaths while an item was named after which the engine may blame it, killer or not. */
const DEATHS = 3;

/** What is asked of a world that has ended: outcomes, counters and reports against the oracle's bytes. */
export function checkEnd({ world, truth, invariants }: SimPorts): void {
  const { config } = world;
  const [batch, stage] = [truth.batch(), truth.stage()];
  if (batch === undefined || stage === undefined || !hasEnded(batch['status'])) {
    world.violate(`not finished: ${JSON.stringify({ batch, stage })}`);
    return;
  }
  const live = truth.records.get('live')?.get(BATCH);
  // Locally nobody sweeps the list: whoever lists batches reads each one's own record.
  const listed = config.shape === 'local' || live?.['status'] === batch['status'];
  if (!listed) world.violate(`the list says ${live?.['status']}`);
  const end = endOf(batch['stop'], stage['fault']);
  if (batch['status'] !== end) world.violate(`ended ${batch['status']}, its stop says ${end}`);
  const cut = isCancel(batch['stop']);
  checkThreshold({ world, truth, invariants });
  const chunks = Math.ceil(config.items / config.chunk);
  const expected = cut ? (stage['rel'] as number) : chunks;
  if (!cut && stage['sealed'] !== chunks) {
    world.violate(`sealed ${stage['sealed']} of ${chunks} chunks`);
    return;
  }
  if (truth.marks() !== expected) {
    world.violate(`${truth.marks()} chunks committed, ${expected} expected`);
    return;
  }
  const texts: string[] = [];
  for (let chunk = 0; chunk < expected; chunk += 1) {
    const text = invariants.committed.get(chunk) ?? '';
    checkChunk({ world, truth, invariants }, { chunk, text, cut });
    texts.push(text);
  }
  checkReport({ world, truth, invariants }, texts.join(''));
}

/** A batch that ended done has no more failures than it tolerates. */
function checkThreshold({ world, truth }: SimPorts): void {
  const { tolerate } = world.config;
  if (tolerate === undefined || truth.batch()?.['status'] !== 'done') return;
  let failed = 0;
  for (const [sort, tally] of truth.records.get(BATCH) ?? []) {
    if (sort.startsWith('T')) failed += (tally['failed'] ?? 0) as number;
  }
  if (failed > tolerate) world.violate(`done with ${failed} failures, ${tolerate} tolerated`);
}

function checkChunk(
  { world, invariants }: SimPorts,
  { chunk, text, cut }: { chunk: number; text: string; cut: boolean },
): void {
  const { config } = world;
  const first = chunk * config.chunk;
  const count = Math.min(config.chunk, config.items - first);
  const lines = text.split(/(?<=\n)/).filter((line) => line !== '');
  if (lines.length !== count) {
    world.violate(`chunk ${chunk} has ${lines.length} rows of ${count} items`);
    return;
  }
  let stopped = false;
  for (const [at, line] of lines.entries()) {
    const index = first + at;
    if (line === notRunLine(index)) {
      if (!cut) world.violate(`item ${index} was not run in a batch that was not stopped`);
      stopped = true;
      continue;
    }
    if (stopped) world.violate(`item ${index} ran after one that did not`);
    if (line === oracleLine(config, index)) continue;
    if (line === crashedLine(index) && (invariants.blamed.get(index) ?? 0) >= DEATHS) {
      world.hit('innocentCrashed');
      continue;
    }
    if (config.fickle && index !== config.killer && isRow(line, index)) continue;
    world.violate(`item ${index} is recorded as ${line.trim()}`);
  }
}

function isRow(line: string, index: number): boolean {
  const row = JSON.parse(line) as { index: number; key: string; status: string };
  return row.index === index && row.key === `k${index}` && row.status !== 'notRun';
}

/** The report that was written, against a recount of the committed rows. */
function checkReport({ world, truth }: SimPorts, outcomes: string): void {
  const bytes = truth.objects.get(reportKey(BATCH, 0, 'report.json'));
  if (bytes === undefined) {
    world.violate('there is no report');
    return;
  }
  const report = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown> & {
    digests: Record<string, string>;
  };
  const counts: Record<string, number> = { ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 0 };
  const lines = outcomes.split('\n').filter((line) => line !== '');
  for (const line of lines) {
    const { status } = JSON.parse(line) as { status: string };
    counts[status] = (counts[status] ?? 0) + 1;
  }
  for (const [status, items] of Object.entries(counts)) {
    if (report[status] !== items) {
      world.violate(`the report has ${report[status]} ${status}, the rows ${items}`);
    }
  }
  if (report['total'] !== lines.length) world.violate(`the report's total is ${report['total']}`);
  if (report['status'] !== truth.batch()?.['status']) world.violate('the report ends otherwise');
  const digest = newBlockDigest();
  digest.update(Buffer.from(outcomes));
  if (report.digests['outcomes'] !== digest.hex()) {
    world.violate("the report's digest is not that of the rows that were committed");
  }
}
