import { pathToFileURL } from 'node:url';
import { SluiceError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';

/** Loads a bundle and checks that its default export is a job. */
export async function loadJob(file: string): Promise<Job> {
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as typeof module;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new SluiceError('BAD_JOB', `The job file throws while it loads: ${detail}`, {
      hint: 'Mend the job file; nothing was started.',
      cause: error,
    });
  }
  const job = module.default as Partial<Job> | undefined;
  const works = job?.stages ?? job?.steps ?? job?.process;
  if (job?.sluice === 'job/1' && works !== undefined) return job as Job;
  throw new SluiceError('BAD_JOB', `The job file's default export is no job (${typeof job}).`, {
    hint: "Write: export default defineJob({ name, input, process }), imported from 'sluice'.",
  });
}
