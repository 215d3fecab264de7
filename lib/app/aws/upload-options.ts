import { SluiceError } from '../../core/errors.ts';
import type { Job, Limits } from '../../core/job.ts';
import { checkOption, OPTIONS, type Settings, settingsOf } from '../../core/options.ts';
import { withQuotas } from '../../core/quota-settings.ts';
import type { ReaderOptions } from '../../core/reader.ts';
import { checkJobOptions } from '../job-options.ts';
import { parseNow } from '../parse-now.ts';

/** Metadata of an upload that is meant for Sluice: `sluice-<option>`. */
const PREFIX = 'sluice-';

/** What a batch is started with. */
export interface UploadPlan {
  settings: Settings;
  options: Record<string, unknown>;
  readerOptions: ReaderOptions;
  now: number | undefined;
}

/** The options in an object's metadata, without their prefix. */
export function metadataOptions(
  metadata: Readonly<Record<string, string>>,
): Record<string, string> {
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (name.startsWith(PREFIX)) options[name.slice(PREFIX.length)] = value;
  }
  return options;
}

/**
 * The job's limits and options with an upload's own on top. Sluice's names are now, concurrency, chunk,
 * tolerate, max-record-bytes, encoding and delimiter; all others are the job's. Throws `USAGE` that names
 * the metadata entry, its bounds and the value.
 */
export async function uploadPlan(
  job: Job,
  given: Readonly<Record<string, string>>,
): Promise<UploadPlan> {
  const { now, concurrency, chunk, tolerate, encoding, delimiter, ...rest } = given;
  const { 'max-record-bytes': maxRecordBytes, ...own } = rest;
  const limits: Limits = {
    ...(chunk === undefined ? {} : { chunk: checked('chunk', chunk) }),
    ...(maxRecordBytes === undefined
      ? {}
      : { maxRecordBytes: checked('maxRecordBytes', maxRecordBytes, 'max-record-bytes') }),
    ...(tolerate === undefined ? {} : { tolerateFailures: tolerate }),
    ...(concurrency === undefined ? {} : { concurrency: lowered(job, concurrency) }),
  };
  const options = await checkJobOptions(job, own);
  return {
    settings: withQuotas(settingsOf(job, limits), job, options),
    options,
    readerOptions: { ...job.input.options, ...readerOptions({ encoding, delimiter }) },
    now: parseNow(now, `${PREFIX}now`),
  };
}

const checked = (
  option: 'chunk' | 'maxRecordBytes',
  text: string,
  label: string = option,
): number => checkOption(OPTIONS[option], text, PREFIX + label);

/** The stack's owner says how many items may be in flight; whoever uploads may ask for fewer. */
function lowered(job: Job, text: string): number {
  const wanted = checkOption(OPTIONS.concurrency, text, `${PREFIX}concurrency`);
  const { stages, ...one } = settingsOf(job);
  const concurrency = Math.min(...(stages ?? [one]).map((stage) => stage.concurrency));
  if (wanted <= concurrency) return wanted;
  throw new SluiceError(
    'USAGE',
    `${PREFIX}concurrency must be at most the job's own, ${concurrency}; got '${text}'.`,
    { hint: 'Deploy the job with a higher concurrency.' },
  );
}

const DELIMITERS = { ',': ',', ';': ';', '|': '|', tab: '\t' } as const;

function readerOptions({
  encoding,
  delimiter,
}: {
  encoding: string | undefined;
  delimiter: string | undefined;
}): ReaderOptions {
  return {
    ...(encoding === undefined
      ? {}
      : { encoding: oneOf('encoding', encoding, { utf8: 'utf8', latin1: 'latin1' } as const) }),
    ...(delimiter === undefined ? {} : { delimiter: oneOf('delimiter', delimiter, DELIMITERS) }),
  };
}

function oneOf<V>(name: string, text: string, values: Readonly<Record<string, V>>): V {
  const value = Object.hasOwn(values, text) ? values[text] : undefined;
  if (value !== undefined) return value;
  const known = Object.keys(values).join(' ');
  throw new SluiceError('USAGE', `${PREFIX}${name} must be one of ${known}; got '${text}'.`);
}
