import { localWorkQueue } from '../adapters/local/work-queue.ts';
import { SluiceError } from '../core/errors.ts';
import type { Limits } from '../core/job.ts';
import { inputKey, roundJobKey, spoolIndexKey } from '../core/keys.ts';
import type { RetryFilter, RetryLine } from '../core/retry.ts';
import { toleranceOf } from '../core/tolerance.ts';
import type { Batch } from '../engine/batch.ts';
import { planRetry, type RetryPlan } from '../engine/plan-retry.ts';
import type { StoredInput } from '../engine/start-batch.ts';
import { startNextRound } from '../engine/start-round.ts';
import type { DriveOptions } from './drive.ts';
import type { Home } from './home.ts';
import { loadJob } from './load-job.ts';
import { localSecrets } from './local-secrets.ts';
import { type Place, placeOfHome, requireBatch } from './place.ts';
import { currentJob, localSettings, widened } from './run-batch.ts';
import type { Parallel } from './seating.ts';
import { boundSource } from './sources.ts';
import { type Taken, type TakeOptions, takeBatch } from './take-batch.ts';

export interface RetryRequest extends DriveOptions {
  batch: string;
  filter: RetryFilter;
  /** Width, and the round's own threshold: the one that the batch was started with does not count. */
  limits?: Pick<Limits, 'concurrency' | 'workers' | 'tolerateFailures'>;
  parallel?: Parallel;
  acceptCode?: boolean;
  /** Told when the round has begun. */
  onRound?: (batch: Batch, items: number) => void;
}

/**
 * Runs failed items of a batch that has ended once more, as its next round. Throws `STATE` while it runs, `NOT_FOUND`
 * when there is nothing to retry, `CODE_CHANGED` for other code that is not accepted, `INPUT_CHANGED` when the
 * input is not there any more; nothing is begun then.
 */
export async function retryBatch(home: Home, request: RetryRequest): Promise<Taken> {
  const { items, ...rest } = await beginRetry(home, request);
  request.onRound?.(rest.batch, items);
  return takeBatch(home, { ...request, ...rest });
}

export interface BegunRetry extends Pick<TakeOptions, 'batch' | 'job' | 'jobFile' | 'settings'> {
  /** Items of the round. */
  items: number;
}

/** Begins the round; works nothing of it. Throws what `retryBatch` does. */
export async function beginRetry(home: Home, request: RetryRequest): Promise<BegunRetry> {
  const { filter, limits, acceptCode } = request;
  const { batch, plan } = await chosen(placeOfHome(home), request.batch, filter);
  refuseEmpty(batch, plan, filter);
  const jobFile = await currentJob(home, batch);
  if (jobFile.digest !== batch.digest && acceptCode !== true)
    throw otherCode(batch, jobFile.digest);
  const job = await loadJob(jobFile.file);
  localSecrets(job, process.env);
  const own = localSettings(job, limits);
  await checkSources(home, batch, plan);
  await home.objects.put(
    roundJobKey({ id: batch.id, round: plan.round, digest: jobFile.digest }),
    jobFile.bytes,
  );
  const started = await startNextRound({ ...home, queue: localWorkQueue(home.clock) }, batch, {
    plan,
    digest: jobFile.digest,
    tolerate: toleranceOf(limits?.tolerateFailures),
  });
  const settings = widened(started.settings, own, limits);
  return { batch: started, items: plan.eligible, job, jobFile, settings };
}

/** What a retry of a batch would run; begins nothing. */
export async function chosen(
  place: Pick<Place, 'store' | 'objects' | 'name'>,
  id: string,
  filter: RetryFilter,
): Promise<{ batch: Batch; plan: RetryPlan }> {
  const batch = await requireBatch(place, id);
  const plan = await planRetry(place, batch, filter);
  const codes = [...plan.codes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const unknown = filter.codes?.find((code) => !plan.codes.has(code));
  if (unknown !== undefined && codes.length > 0) {
    throw new SluiceError('NOT_FOUND', `No failed item of batch ${id} has the code '${unknown}'.`, {
      hint: `Its codes: ${codes
        .slice(0, CODES_TOLD)
        .map(([code, items]) => `${code} (${items})`)
        .join(', ')}${codes.length > CODES_TOLD ? ', ...' : ''}.`,
    });
  }
  const [key] = plan.unknownKeys;
  if (key !== undefined && codes.length > 0) {
    throw new SluiceError('NOT_FOUND', `No failed item of batch ${id} has the key '${key}'.`, {
      hint: `See what became of it: sluice items ${id} --key '${key}'`,
    });
  }
  return { batch, plan };
}

const CODES_TOLD = 20;

/** Throws `NOT_FOUND` that says why nothing is left to retry. */
export function refuseEmpty(
  batch: Batch,
  { eligible, left, report }: RetryPlan,
  filter: RetryFilter,
): void {
  if (eligible > 0) return;
  const others = [
    left.stalled > 0 && `${left.stalled} stalled`,
    left.code > 0 && `${left.code} failed with another code`,
    left.key > 0 && `${left.key} failed with another key`,
    left.stage > 0 && `${left.stage} failed in another stage`,
    report.notRun > 0 && `${report.notRun} were not run`,
    (report.resolved ?? 0) > 0 && `${report.resolved} were resolved by earlier rounds`,
  ].filter((why) => why !== false);
  const why = others.length === 0 ? 'none of its items failed' : others.join(', ');
  throw new SluiceError('NOT_FOUND', `Batch ${batch.id} has nothing to retry: ${why}.`, {
    hint:
      left.stalled > 0 && filter.stalled !== true
        ? 'The remote may still work on stalled items; --stalled takes them all the same.'
        : `See how it stands: sluice report ${batch.id}`,
  });
}

export const otherCode = ({ id, job, digest }: Batch, now: string, place = ''): SluiceError =>
  new SluiceError(
    'CODE_CHANGED',
    `Job ${job}${place} is not the code that batch ${id} last ran (${now.slice(0, 12)} now, ${digest.slice(0, 12)} then).`,
    { hint: 'Put the old code back, or retry with --accept-code-change.' },
  );

/** The records are read from the input again: a file that changed is told of before the round begins. */
async function checkSources(home: Home, { id }: Batch, { list, choice }: RetryPlan): Promise<void> {
  const bytes = await home.objects.get(inputKey(id));
  if (bytes === undefined)
    throw new SluiceError('DAMAGED', `The input list of batch ${id} is missing.`);
  const { sources } = JSON.parse(Buffer.from(bytes).toString()) as StoredInput;
  const used = new Set<number>();
  // What a later stage retries is read from parts.
  const ofInput = list.subarray(0, choice.stages?.[0]?.bytes);
  for (const line of ofInput.toString().split('\n')) {
    if (line === '') continue;
    const { source, walk } = JSON.parse(line) as RetryLine;
    // Of files that are found it is no source but a piece of the walk, which is stored.
    if (walk === undefined) used.add(source);
  }
  for (const number of used) {
    const pin = sources[number];
    // What was spooled lies in the home, whatever became of its source.
    const spooled = (await home.objects.size(spoolIndexKey(id, number))) !== undefined;
    if (pin !== undefined && !spooled) await boundSource(pin).read(0, Math.min(1, pin.bytes));
  }
}
