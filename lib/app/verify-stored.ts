import type { Batch } from '../engine/batch.ts';
import { sha256 } from '../engine/committed-parts.ts';
import { type Verdict, verifyBatch } from '../engine/verify.ts';
import { checkSpool } from '../io/check-spool.ts';
import type { Input } from '../ports/input.ts';
import type { Home } from './home.ts';
import { inputOpener } from './input-of.ts';
import { loadJob } from './load-job.ts';
import type { Place } from './place.ts';
import { storedJob } from './run-batch.ts';

/** The input of a batch where it can still be read, else why not. */
export interface OpenedInput {
  input?: Input;
  why?: string;
}

/** Verifies a finished batch of a place, with its input where that is still there. */
export async function verifyStored(
  stores: Pick<Place, 'store' | 'objects'>,
  batch: Batch,
  opened: OpenedInput,
): Promise<Verdict> {
  const verdict = await verifyBatch(stores, batch, opened.input);
  const spool = await checkSpool(stores.objects, {
    batch: batch.id,
    sources: batch.input.sources,
  });
  verdict.problems.push(...spool.problems);
  if (spool.spooled > 0) verdict.checked.push(`stored copies of ${spool.spooled} sources`);
  if (opened.why === undefined) return verdict;
  const skipped = verdict.skipped.filter((line) => !line.startsWith('input: '));
  return { ...verdict, skipped: [...skipped, `input: ${opened.why}`] };
}

/** The input of a home's batch. A stored job file that is not the recorded one is not run, only reported. */
export async function homeInput(home: Home, batch: Batch): Promise<OpenedInput> {
  try {
    const jobFile = await storedJob(home, batch);
    if (sha256(jobFile.bytes) !== batch.digest) {
      return { why: 'it was not read, since the stored job file is not the recorded one' };
    }
    const job = await loadJob(jobFile.file);
    return {
      input: await inputOpener(home.objects, job)({ ...batch, round: 0, filter: undefined }),
    };
  } catch (error) {
    return { why: (error as Error).message };
  }
}
