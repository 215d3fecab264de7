import { readReport } from '../../../lib/app/read-report.ts';
import type { Parallel } from '../../../lib/app/seating.ts';
import type { Figures } from '../child.ts';
import { builtLocal } from './dist.ts';

export interface BatchSpec {
  root: string;
  home: string;
  job: string;
  input: string;
  /** Further inputs of the same batch. */
  more?: readonly string[];
  parallel: Parallel;
  chunk?: number;
  /** The job's own options. */
  options?: Record<string, string>;
  /** Items of all stages. Rows that are known to fail may; anything else must be `ok`. */
  items: number;
}

/**
 * A whole batch, durable, as `sluice run` does it without its display. `startS` is what comes before
 * the batch's own start (bundling the job, pinning the input), `endS` what comes after its last part
 * was written (the last commits, the digest over all outcomes, the report's files).
 */
export async function batchTask(spec: BatchSpec): Promise<Figures> {
  const { openHome, ownProcess, runBatch } = await builtLocal(spec.root);
  ownProcess();
  const from = performance.now();
  const home = await openHome(spec.home);
  let threads = 0;
  const { batch, driven } = await runBatch(home, {
    job: spec.job,
    inputs: [spec.input, ...(spec.more ?? [])],
    parallel: spec.parallel,
    options: spec.options ?? {},
    ...(spec.chunk === undefined ? {} : { limits: { chunk: spec.chunk } }),
    onProgress: (progress) => {
      threads = Math.max(threads, progress.threads);
    },
  });
  const [endedAt, runS] = [home.clock.now(), (performance.now() - from) / 1000];
  const { report } = await readReport(home, batch);
  await home.close();
  if (driven !== 'ended' || report.total !== spec.items || report.notRun + report.stalled > 0) {
    throw new Error(`The batch has ${report.total} of ${spec.items} items: ${batch.status}.`);
  }
  const workS = (Date.parse(report.finishedAt) - Date.parse(report.startedAt)) / 1000;
  const endS = (endedAt - Date.parse(report.finishedAt)) / 1000;
  const { failed, stages = [] } = report;
  const perStage = stages.flatMap(({ name, startedAt, finishedAt, peakRssMb }) => [
    [`${name}S`, (Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? '')) / 1000],
    [`${name}Mb`, peakRssMb],
  ]);
  const startS = runS - workS - endS;
  return { runS, workS, endS, startS, threads, failed, ...Object.fromEntries(perStage) };
}
