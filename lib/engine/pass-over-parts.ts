import { gzipSync } from 'node:zlib';
import { reportKey } from '../core/keys.ts';
import { itemsOf } from '../core/outcome.ts';
import { newChannel } from '../pool/channel.ts';
import { cameThrough, type RowCounts, wasCutShort } from './came-through.ts';
import { committedParts, readParts, unpackWhere } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { newGathering } from './gather.ts';
import { newRoundMerge, type RoundMerge, type RoundMergeOptions } from './merge-round.ts';
import { rawSection } from './read-part.ts';
import { countsOf, type ReportState, type RoundTotals } from './report-files.ts';
import { replacedBy } from './round-report.ts';
import { storedLines } from './stored-lines.ts';

type Stores = Pick<Engine, 'store' | 'objects'>;

/** Lines go to the store in pieces of about this size: blocks, not lines (1.7x, measured). */
const PIECE_BYTES = 256 * 1024;

async function* pieces(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let held: string[] = [];
  let size = 0;
  for await (const line of lines) {
    held.push(line);
    size += line.length;
    if (size < PIECE_BYTES) continue;
    yield Buffer.from(held.join(''));
    held = [];
    size = 0;
  }
  if (size > 0) yield Buffer.from(held.join(''));
}

/** What one pass over all parts gives: three files, to be read side by side, and then the totals. */
export interface PartsPass {
  /** manifest.jsonl: every part with its SHA-256. Reading it drives the pass. */
  manifest: AsyncIterable<Buffer>;
  /** failures.jsonl: failed and stalled items with their records; feeds back in as input. */
  failures: AsyncIterable<Buffer>;
  /** log.jsonl.gz: the parts' log sections as they are, since gzip members follow one another. */
  log: AsyncIterable<Buffer>;
  /** To be asked for once all three were read to their end. */
  totals(): RoundTotals;
}

/** Parts whose failures and log lines wait for their files. */
const WAITING_PARTS = 4;

/** With `recompute` the digest is made of the outcomes themselves, not of what the parts say of them. */
export function passOverParts(
  stores: Stores,
  state: ReportState,
  { recompute = false } = {},
): PartsPass {
  const total = itemsOf(countsOf(state));
  const failures = newChannel<string>(WAITING_PARTS);
  let counts: RowCounts = () => true;
  const merge = mergeOf(stores, state, {
    push: failures.push,
    counts: ({ outcome, facts }) => counts(facts.stage ?? 0, outcome),
  });
  const gathering = newGathering({
    total,
    chunksOf: (at) => state.stages.find(({ id }) => id.stage === at)?.chunks ?? 0,
    onRow: merge?.add,
    recompute,
  });
  const log = newChannel<Buffer>(WAITING_PARTS);
  let [complete, broken]: [boolean, unknown] = [false, undefined];
  const lines = async function* () {
    try {
      await log.push(gzipSync(''));
      if (wasCutShort(state.batch)) counts = await cameThrough(stores, state.batch);
      merge?.begin();
      for (const { id, chunks } of state.stages) {
        const parts = readParts(stores.objects, committedParts(stores.store, id, chunks));
        for await (const loaded of unpackWhere(parts, gathering.reads)) {
          const added = await gathering.add(loaded);
          if (added.failures !== '') await failures.push(added.failures);
          await log.push(Buffer.from(rawSection(loaded.part, 'log')));
          yield added.manifest;
        }
      }
      await merge?.end();
      complete = true;
    } catch (error) {
      broken = error;
      throw error;
    } finally {
      failures.end();
      log.end();
    }
  };
  /** A pass that broke off must not store files that look whole: a zombie's would replace the report's own. */
  const whole = async function* <T>(channel: AsyncIterable<T>) {
    yield* channel;
    if (!complete) throw broken ?? new Error('The pass over the parts broke off.');
  };
  return {
    manifest: pieces(lines()),
    failures: pieces(whole(failures)),
    log: whole(log),
    totals: () => ({ ...gathering.totals(), after: merge?.after() }),
  };
}

/** In a later round: what it changes of the failures that the round before it left. */
function mergeOf(
  { objects }: Stores,
  { batch, earlier }: ReportState,
  rows: Pick<RoundMergeOptions, 'push' | 'counts'>,
): RoundMerge | undefined {
  if (earlier === undefined) return undefined;
  const failures = storedLines(objects, reportKey(batch.id, batch.round - 1, 'failures.jsonl'));
  const nextOf = (stage: number): number =>
    batch.filter?.stages?.[stage]?.next ?? Number.POSITIVE_INFINITY;
  const replaced = () => replacedBy(batch, earlier);
  return newRoundMerge({ round: batch.round, earlier, failures, nextOf, replaced, ...rows });
}
