import { SluiceError } from '../core/errors.ts';
import { type Job, stepsOf } from '../core/job.ts';
import { sizedSteps } from '../core/step.ts';

/** The job's own options, checked by its schema; a job without one takes none. */
export async function checkJobOptions(
  job: Job,
  given: Record<string, string>,
): Promise<Record<string, unknown>> {
  for (const [name, value] of Object.entries(given)) refusePassword(job.name, name, value);
  if (job.options === undefined) {
    const [unknown] = Object.keys(given);
    if (unknown === undefined) return {};
    throw new SluiceError('USAGE', `Job ${job.name} has no option '${unknown}': it takes none.`);
  }
  const result = await job.options['~standard'].validate(given);
  if (result.issues === undefined) {
    const options = result.value as Record<string, unknown>;
    // A size that depends on options is wrong before anything starts, not in every attempt.
    sizedSteps(stepsOf(job), options);
    return options;
  }
  const lines = result.issues.map(({ message, path }) => {
    const name = (path ?? [])
      .map((step) => String(typeof step === 'object' ? step.key : step))
      .join('.');
    return name === '' ? message : `${name}: ${message}`;
  });
  throw new SluiceError('USAGE', `Wrong option of job ${job.name}: ${lines.join('; ')}`, {
    hint: 'Options of a job are given as --option name=value.',
  });
}

const WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]*:[^/?#@\s]+@/i;

/** Options are kept in the batch's record and in its report. */
function refusePassword(job: string, name: string, value: string): void {
  if (!WITH_PASSWORD.test(value)) return;
  throw new SluiceError(
    'USAGE',
    `Option '${name}' of job ${job} is a URL with a password: options are written to the report.`,
    { hint: "Leave the password out (PGPASSWORD), or make the URL one of the job's secrets." },
  );
}
