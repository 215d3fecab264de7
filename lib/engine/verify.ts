import { createHash } from 'node:crypto';
import { SluiceError } from '../core/errors.ts';
import {
  inputKey,
  REPORT_FILES,
  type ReportFile,
  reportKey,
  retryListKey,
  roundJobKey,
} from '../core/keys.ts';
import type { Report } from '../core/report.ts';
import type { End } from '../core/transitions.ts';
import type { Input } from '../ports/input.ts';
import type { Batch } from './batch.ts';
import { sha256 } from './committed-parts.ts';
import type { Engine } from './engine.ts';
import { reportState } from './finalise.ts';
import { passOverParts } from './pass-over-parts.ts';
import { buildReport, countsOf, type ReportState, reportJson } from './report-files.ts';
import { batchInRound } from './rounds.ts';
import { checkParts } from './verify-parts.ts';

export interface Verdict {
  /** What was compared, for people. */
  checked: string[];
  /** What differs; empty when everything is as it was written. */
  problems: string[];
  /** What could not be looked at, and why. */
  skipped: string[];
}

type Stores = Pick<Engine, 'store' | 'objects'>;

/**
 * Recomputes everything a finished batch left from its state and its parts, and compares it with what
 * is stored: one flipped byte in any of its files is found.
 */
export async function verifyBatch(
  stores: Stores,
  batch: Batch,
  input: Input | undefined,
): Promise<Verdict> {
  const verdict: Verdict = { checked: [], problems: [], skipped: [] };
  if (batch.end === undefined || batch.status === 'ending') {
    throw new SluiceError(
      'STATE',
      `Batch ${batch.id} has not ended; it can be verified when it has.`,
      {
        hint: `See: sluice status ${batch.id}`,
      },
    );
  }
  let first: ReportState | undefined;
  for (let round = 0; round <= batch.round; round += 1) {
    // Each round's report is made from the one before it, which was compared by then.
    const own = { checked: [], problems: verdict.problems, skipped: verdict.skipped };
    const state = await checkRound(stores, await batchInRound(stores.store, batch, round), own);
    first ??= state;
    const of = batch.round === 0 ? '' : `round ${round}: `;
    verdict.checked.push(...own.checked.map((what) => `${of}${what}`));
  }
  await checkInput(first, input, verdict);
  return verdict;
}

async function checkRound(
  stores: Stores,
  batch: Batch,
  verdict: Verdict,
): Promise<ReportState | undefined> {
  await checkStored(stores, batch, verdict);
  const state = await reportState(stores, batch, batch.end as End).catch((error: Error) => {
    verdict.problems.push(error.message);
    return undefined;
  });
  if (state === undefined) {
    verdict.problems.push(`round ${batch.round}: not all of its chunks are committed`);
    return undefined;
  }
  await checkParts(stores, state, verdict);
  await checkReport(stores, state, verdict);
  return state;
}

async function checkStored({ objects }: Stores, batch: Batch, verdict: Verdict): Promise<void> {
  const { id, round, filter } = batch;
  const list =
    filter === undefined
      ? { key: inputKey(id), what: 'input list', digest: batch.input.sha256 }
      : {
          key: retryListKey(id, round, filter.sha256),
          what: 'list of its items',
          digest: filter.sha256,
        };
  const files = [{ key: roundJobKey(batch), what: 'job file', digest: batch.digest }, list];
  for (const { key, what, digest } of files) {
    if (digest === '') {
      verdict.skipped.push(`${what}: the batch was started for a job that is not deployed`);
      continue;
    }
    const bytes = await objects.get(key);
    if (bytes === undefined) verdict.problems.push(`${key}: the ${what} is missing`);
    else if (sha256(bytes) !== digest)
      verdict.problems.push(`${key}: the ${what} is not the recorded one`);
    else verdict.checked.push(what);
  }
}

/** Each report file, made again and compared by digest. */
async function checkReport(stores: Stores, state: ReportState, verdict: Verdict): Promise<void> {
  try {
    const pass = passOverParts(stores, state, { recompute: true });
    const [manifest, failures, log] = await Promise.all([
      streamDigest(pass.manifest),
      streamDigest(pass.failures),
      streamDigest(pass.log),
    ]);
    const made = new Map<ReportFile, string>();
    made.set('manifest.jsonl', manifest);
    made.set('failures.jsonl', failures);
    made.set('log.jsonl.gz', log);
    const totals = pass.totals();
    const page = await recordedPage(stores, state);
    made.set('report.json', sha256(reportJson(buildReport(state, totals), page)));
    made.set('report.html', page);
    for (const file of REPORT_FILES) {
      const key = reportKey(state.batch.id, state.batch.round, file);
      const stored = await storedDigest(stores, key);
      if (stored === undefined) verdict.problems.push(`${key}: missing`);
      else if (stored !== made.get(file)) {
        verdict.problems.push(`${key}: is not what the parts and the state give`);
      }
    }
    const counts = countsOf(state);
    const sums = totals.counts;
    if (JSON.stringify(counts) !== JSON.stringify(sums)) {
      verdict.problems.push(
        `counts: the parts give ${JSON.stringify(sums)}, the checkpoint store has ${JSON.stringify(counts)}`,
      );
    }
    verdict.checked.push(`${REPORT_FILES.length} report files`, 'counts', 'outcomes digest');
  } catch (error) {
    verdict.problems.push(`the report cannot be made again: ${(error as Error).message}`);
  }
}

/** What report.json says of the page beside it. */
async function recordedPage({ objects }: Stores, { batch }: ReportState): Promise<string> {
  const bytes = await objects.get(reportKey(batch.id, batch.round, 'report.json'));
  try {
    const report = JSON.parse(Buffer.from(bytes ?? []).toString()) as Report;
    return String(report.digests.page);
  } catch {
    return 'unreadable';
  }
}

const READ_BYTES = 8 * 1024 * 1024;

/** SHA-256 of a stored object, read piece by piece: failures of a large batch do not fit in memory. */
async function storedDigest({ objects }: Stores, key: string): Promise<string | undefined> {
  const size = await objects.size(key);
  if (size === undefined) return undefined;
  const hash = createHash('sha256');
  for (let start = 0; start < size; start += READ_BYTES) {
    hash.update((await objects.get(key, { start, end: start + READ_BYTES })) ?? new Uint8Array());
  }
  return hash.digest('hex');
}

async function streamDigest(body: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of body) hash.update(piece);
  return hash.digest('hex');
}

async function checkInput(
  state: ReportState | undefined,
  input: Input | undefined,
  verdict: Verdict,
): Promise<void> {
  const { inputDigest, cur } = state?.stages[0]?.stage ?? {};
  if (input === undefined || inputDigest === undefined || cur === undefined) {
    verdict.skipped.push(
      'input: its digest was never recorded, since the batch ended before it was read to its end',
    );
    return;
  }
  try {
    await input.prepare();
    if ((await input.digest(cur)) === inputDigest) verdict.checked.push('input digest');
    else verdict.problems.push('input: its digest is not the recorded one');
  } catch (error) {
    verdict.skipped.push(`input: ${(error as Error).message}`);
  }
}
