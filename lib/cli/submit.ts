import type { StackPlace } from '../app/aws/open-stack.ts';
import type { PlannedUpload, Uploaded, UploadOptions } from '../app/aws/submit.ts';
import { parseNow } from '../app/parse-now.ts';
import { requireBatch } from '../app/place.ts';
import type { Taken } from '../app/take-batch.ts';
import { SluiceError } from '../core/errors.ts';
import { formatBytes, formatDuration } from '../core/format.ts';
import { shareWords } from '../core/quota-settings.ts';
import { EXIT } from './exit-codes.ts';
import { jobOptionsOf, type LimitFlags, limitsOf, type ReaderFlags } from './flags.ts';
import { followBatch } from './follow.ts';
import { listenForInterrupts } from './interrupts.ts';
import { showEnd } from './show-end.ts';
import { type Cli, shortPath, word } from './terminal.ts';
import { inStack } from './with-place.ts';

export interface SubmitFlags
  extends Pick<LimitFlags, 'concurrency' | 'chunk' | 'tolerate' | 'maxRecordBytes'>,
    ReaderFlags {
  now?: string;
  option: string[];
  wait?: boolean;
}

export interface SubmitRequest {
  job: string;
  files: string[];
  flags: SubmitFlags;
}

/** Uploads files to a stack, a batch each; with --wait follows them, one after the other. */
export async function submitCommand(
  cli: Cli,
  { job, files, flags }: SubmitRequest,
): Promise<number> {
  checkFlags(flags);
  return inStack(cli, async (place) => {
    const { planUploads, uploadFile } = await import('../app/aws/submit.ts');
    const metadata = await metadataOf(flags);
    const uploads: Uploaded[] = [];
    const share = shareWords(place.outputs.jobs[job] ?? {});
    const plans = await planUploads(place, { job, files });
    if (share !== undefined) cli.say(share);
    for (const planned of plans) {
      const stored = await withProgress(cli, planned, (hooks) =>
        uploadFile(place, planned, { metadata, ...hooks }),
      );
      if (stored === undefined) {
        cli.say(`${shortPath(planned.file)} was not uploaded.`);
        return EXIT.interrupted;
      }
      const what =
        stored.objects === undefined
          ? shortPath(stored.file)
          : `a manifest of ${stored.objects} objects below ${stored.file}`;
      cli.say(`Uploaded ${what} to ${stored.url}`);
      uploads.push(stored);
    }
    if (flags.wait) return followAll(cli, place, { uploads, told: share !== undefined });
    await showUploads(cli, place, uploads);
    return EXIT.ok;
  });
}

/** What can be said without the stack is said before it is asked. The environment's limits are for local runs. */
function checkFlags(flags: SubmitFlags): void {
  limitsOf(flags, {});
  parseNow(flags.now);
  jobOptionsOf(flags.option);
}

async function metadataOf(flags: SubmitFlags): Promise<Record<string, string>> {
  const { uploadMetadata } = await import('../app/aws/upload-metadata.ts');
  const { now, concurrency, chunk, tolerate, encoding, delimiter } = flags;
  return uploadMetadata({
    own: {
      now,
      concurrency,
      chunk,
      tolerate,
      encoding,
      delimiter,
      'max-record-bytes': flags.maxRecordBytes,
    },
    options: jobOptionsOf(flags.option),
  });
}

const LINE_MS = 10_000;

/** A line of talk each 10 s of one upload. Ctrl-C aborts it and leaves no object: undefined. */
async function withProgress(
  cli: Cli,
  { file, bytes }: PlannedUpload,
  upload: (hooks: Required<Pick<UploadOptions, 'onBytes' | 'signal'>>) => Promise<Uploaded>,
): Promise<Uploaded | undefined> {
  const interrupts = listenForInterrupts(cli);
  const from = performance.now();
  let next = from + LINE_MS;
  const onBytes = (loaded: number): void => {
    const now = performance.now();
    if (now < next || loaded >= bytes) return;
    next = now + LINE_MS;
    const left = formatDuration(((now - from) * (bytes - loaded)) / Math.max(1, loaded));
    const share = Math.floor((loaded / bytes) * 100);
    cli.say(`${shortPath(file)}: ${share} % of ${formatBytes(bytes)}, ETA ${left}`);
  };
  try {
    return await upload({ onBytes, signal: interrupts.signal });
  } catch (error) {
    if (interrupts.signal.aborted) return undefined;
    throw error;
  } finally {
    interrupts.end();
  }
}

async function showUploads(cli: Cli, place: StackPlace, uploads: Uploaded[]): Promise<void> {
  const list = cli.command('list');
  if (cli.json) {
    const shown = uploads.map(({ file, url, etag, version = null, bytes }) => {
      return { file, url, bytes, etag, version };
    });
    await cli.out(`${JSON.stringify({ stack: place.stack, uploads: shown, list })}\n`);
    return;
  }
  const lines = uploads.map(({ url }) => `upload    ${word(url)}`);
  await cli.out(`${[...lines, `look      ${list}`].join('\n')}\n`);
}

const LOOK_MS = 1000;
/** S3 usually tells of an upload within seconds; then the sweeper finds it 5 min later, within its next minute. */
const SLOW_EVENT_MS = 30_000;
const NO_EVENT_MS = 480_000;

/** The worst of the batches' exit codes: an error before a threshold before failed items. */
const WORST = [EXIT.error, EXIT.threshold, EXIT.failures] as const;

async function followAll(
  cli: Cli,
  place: StackPlace,
  { uploads, told }: { uploads: readonly Uploaded[]; told: boolean },
): Promise<number> {
  const codes: number[] = [];
  for (const upload of uploads) {
    const batch = await batchOf(cli, place, upload);
    // Quotas that the options make are known to the batch alone.
    const share = told ? undefined : shareWords((await requireBatch(place, batch)).settings);
    if (share !== undefined) cli.say(share);
    cli.say(`Batch ${batch}`);
    const taken = (await followBatch(cli, place, { batch })) as Taken;
    codes.push(await showEnd(cli, place, taken));
  }
  return WORST.find((code) => codes.includes(code)) ?? EXIT.ok;
}

async function batchOf(cli: Cli, place: StackPlace, upload: Uploaded): Promise<string> {
  const { batchOfUpload } = await import('../app/aws/submit.ts');
  const from = place.clock.monotonic();
  let told = false;
  for (;;) {
    const batch = await batchOfUpload(place, upload);
    if (batch !== undefined) return batch;
    const waited = place.clock.monotonic() - from;
    if (waited > NO_EVENT_MS) {
      throw new SluiceError('STATE', `No batch was made of ${upload.url} in 8 minutes.`, {
        hint: `Look at the logs of the functions and at the dead letters of the inbox of ${place.name}. The upload stays; later: sluice list`,
      });
    }
    if (waited > SLOW_EVENT_MS && !told) {
      told = true;
      cli.say('No batch yet: an event that was lost is made up for by the sweeper, after 5 min.');
    }
    await place.clock.sleep(LOOK_MS);
  }
}
