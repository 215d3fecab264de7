import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { localWorkQueue } from '../adapters/local/work-queue.ts';
import { isDiscovering } from '../core/discovery.ts';
import { SluiceError } from '../core/errors.ts';
import type { Job, Limits } from '../core/job.ts';
import { jobKey, roundJobKey } from '../core/keys.ts';
import { type Settings, settingsOf } from '../core/options.ts';
import { withQuotas } from '../core/quota-settings.ts';
import type { ReaderOptions } from '../core/reader.ts';
import { stageJob } from '../core/stage.ts';
import { forStages, stageSettings } from '../core/stage-settings.ts';
import { hasEnded } from '../core/transitions.ts';
import { type Batch, readBatch } from '../engine/batch.ts';
import { startBatch } from '../engine/start-batch.ts';
import { openInput } from '../io/input.ts';
import { linesProblem } from '../io/views.ts';
import { batchId } from './batch-id.ts';
import type { DriveOptions } from './drive.ts';
import type { Home } from './home.ts';
import { bundleJob, type JobFile } from './job-file.ts';
import { checkJobOptions } from './job-options.ts';
import { loadJob } from './load-job.ts';
import { localSecrets } from './local-secrets.ts';
import { parseNow } from './parse-now.ts';
import { placeOfHome, requireBatch } from './place.ts';
import { resolveRoots } from './roots.ts';
import type { Parallel } from './seating.ts';
import { boundSource, type ResolvedInput, resolveInputs } from './sources.ts';
import { type Taken, type TakeOptions, takeBatch } from './take-batch.ts';

/** What a person asks for with `sluice run`. */
export interface RunRequest extends DriveOptions {
  /** Built-in name, or path of a job file. */
  job: string;
  /** Files, glob patterns, or `-` for standard input. */
  inputs: string[];
  /** The person's own limits, on top of the job's. */
  limits?: Limits;
  parallel?: Parallel;
  /** ISO 8601 or milliseconds since 1970. */
  now?: string;
  /** The job's own options, as text. */
  options?: Record<string, string>;
  readerOptions?: ReaderOptions;
  /** A new batch although the same input and job were run before. */
  again?: boolean;
  acceptCode?: boolean;
  /** Told as soon as the batch is known. */
  onBatch?: (batch: Batch, how: 'new' | 'resumed' | 'ended') => void;
}

/** Runs a job over an input: a new batch, or the one that this input and job already have. */
export async function runBatch(home: Home, request: RunRequest): Promise<Taken> {
  const { batch, how, ...rest } = await beginRun(home, request);
  request.onBatch?.(batch, how);
  if (how === 'ended') return { batch, driven: 'ended' };
  return takeBatch(home, { ...request, batch, ...rest });
}

/** What `beginRun` takes of a request. */
export type BeginRequest = Omit<RunRequest, keyof DriveOptions | 'onBatch' | 'parallel'>;

export interface BegunRun extends Pick<TakeOptions, 'batch' | 'job' | 'jobFile' | 'settings'> {
  how: 'new' | 'resumed' | 'ended';
}

/**
 * The batch of a job and an input, made if it is not there; nothing of it is worked.
 * @param mayBegin asked before one is made; throws to refuse it
 */
export async function beginRun(
  home: Home,
  request: BeginRequest,
  mayBegin: () => void = () => undefined,
): Promise<BegunRun> {
  const jobFile = await bundleJob(request.job, home.jobs);
  const job = await loadJob(jobFile.file);
  localSecrets(job, process.env);
  const options = await checkJobOptions(job, request.options ?? {});
  const settings = withQuotas(localSettings(job, request.limits), job, options);
  const input = await (isDiscovering(job.input) ? resolveRoots : resolveInputs)(request.inputs);
  const now = parseNow(request.now);
  const readerOptions = { ...job.input.options, ...request.readerOptions };
  const id = batchId({
    job: job.name,
    sources: input.sources,
    options,
    readerOptions,
    now,
    again: request.again ? String(home.clock.now()) : undefined,
  });
  const there = await readBatch(home.store, id);
  if (there !== undefined) {
    const how = hasEnded(there.status) ? 'ended' : 'resumed';
    return { batch: there, how, job, jobFile, settings };
  }
  mayBegin();
  await preflight(job, { input, settings, readerOptions, home });
  await home.objects.put(jobKey(id), jobFile.bytes);
  const queue = localWorkQueue(home.clock);
  const made = await startBatch(
    { ...home, queue, jobDigest: jobFile.digest },
    {
      id,
      job: job.name,
      jobRef: referenceOf(request.job),
      inputName: input.name,
      sources: input.sources,
      readerOptions,
      settings,
      options,
      now,
    },
  );
  const batch = (await readBatch(home.store, id)) as Batch;
  return { batch, how: made ? 'new' : 'resumed', job, jobFile, settings };
}

export interface ResumeRequest extends DriveOptions {
  batch: string;
  /** Only these change a batch that runs: nothing that could change an outcome. */
  limits?: Pick<Limits, 'concurrency' | 'workers'>;
  parallel?: Parallel;
  acceptCode?: boolean;
  /** The very code that the batch last ran, whatever became of the job's file. */
  storedCode?: boolean;
  onBatch?: RunRequest['onBatch'];
}

/** Takes a batch up where it is: after a pause, a kill, a full disk. */
export async function resumeBatchById(home: Home, request: ResumeRequest): Promise<Taken> {
  const batch = await requireBatch(placeOfHome(home), request.batch);
  if (hasEnded(batch.status)) {
    request.onBatch?.(batch, 'ended');
    return { batch, driven: 'ended' };
  }
  const jobFile = await (request.storedCode === true ? storedJob : currentJob)(home, batch);
  const job = await loadJob(jobFile.file);
  localSecrets(job, process.env);
  const own = withQuotas(localSettings(job, request.limits), job, batch.options);
  const settings = widened(batch.settings, own, request.limits);
  request.onBatch?.(batch, 'resumed');
  return takeBatch(home, { ...request, batch, job, jobFile, settings });
}

/** The job's code as it is now; what the batch was started with when the file is gone. */
export async function currentJob(home: Home, batch: Batch): Promise<JobFile> {
  try {
    return await bundleJob(batch.jobRef, home.jobs);
  } catch (error) {
    if ((error as SluiceError).code !== 'NOT_FOUND') throw error;
    return storedJob(home, batch);
  }
}

/** The very bundle that the batch was started with. */
export async function storedJob(home: Home, batch: Batch): Promise<JobFile> {
  const bytes = await home.objects.get(roundJobKey(batch));
  if (bytes === undefined) {
    throw new SluiceError(
      'NOT_FOUND',
      `The job file of batch ${batch.id} is missing, here and at ${batch.jobRef}.`,
    );
  }
  return { file: home.objects.path(roundJobKey(batch)), digest: batch.digest, bytes };
}

/** What a person may change of a batch that runs, for each of its stages. */
export const widened = (settings: Settings, own: Settings, limits: Limits | undefined): Settings =>
  forStages(settings, (_, stage) => {
    const { concurrency, workers } = stageSettings(own, stage);
    return {
      ...(limits?.concurrency === undefined ? {} : { concurrency }),
      ...(limits?.workers === undefined ? {} : { workers }),
    };
  });

/** A CPU-bound job never gets more workers than cores: they would only take turns. */
export function localSettings(job: Job, limits: Limits | undefined): Settings {
  return forStages(settingsOf(job, limits), (own, stage) => {
    if (stageJob(job, stage).cpu !== true) return {};
    const workers = Math.min(own.workers, availableParallelism());
    return { workers, prefetch: workers };
  });
}

const referenceOf = (job: string): string => (/[./\\]/.test(job) ? resolve(job) : job);

interface Preflight {
  home: Home;
  input: ResolvedInput;
  settings: Settings;
  readerOptions: ReaderOptions;
}

/** What is wrong with the input as a whole is said before a batch is made of it. */
async function preflight(
  job: Job,
  { home, input, settings, readerOptions }: Preflight,
): Promise<void> {
  // Folders were looked at when they were pinned.
  if (isDiscovering(job.input)) return;
  const bound = input.sources.map(boundSource);
  // Spooling needs a batch to spool into; there the planner says the same, as the batch's end.
  if (bound.some((source) => source.compressed || !source.seekable)) return;
  const refuse = (problem: string | undefined): void => {
    if (problem === undefined) return;
    throw new SluiceError('BAD_INPUT', problem, { hint: 'Mend the input; nothing was started.' });
  };
  if (job.input.lines !== undefined) return refuse(await linesProblem(job.input, bound));
  const { chunk, chunkBytes, maxRecordBytes } = settings;
  const limits = { items: chunk, bytes: chunkBytes, maxRecordBytes };
  const opened = openInput({
    reader: job.input,
    readerOptions,
    sources: bound,
    limits,
    objects: home.objects,
    batch: 'preflight',
  });
  refuse(await opened.prepare());
}
