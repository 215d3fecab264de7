/** 'my-job' as it stands in logical ids: 'MyJob'. */
export const pascalOf = (job: string): string =>
  job
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');

/** Environment variable with the URL of a stage's queue: SLUICE_STAGE_MY_JOB_0. */
export const stageVariable = (job: string, stage: number): string =>
  `SLUICE_STAGE_${job.toUpperCase().replaceAll('-', '_')}_${stage}`;
