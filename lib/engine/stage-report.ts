import { quantile } from '../core/histogram.ts';
import { isoTime } from '../core/iso-time.ts';
import { itemsOf } from '../core/outcome.ts';
import type { StageReport } from '../core/report.ts';
import { stageSettings } from '../core/stage-settings.ts';
import type { Batch } from './batch.ts';
import type { TrailerSums } from './trailer-sums.ts';

/** What each stage of a round did, from its parts. */
export function stageReports(
  batch: Batch,
  { byStage }: { byStage: readonly TrailerSums[] },
): StageReport[] {
  return (batch.settings.stages ?? []).map(({ name }, at) => {
    const { workers, concurrency } = stageSettings(batch.settings, at);
    const sums = byStage[at];
    return { stage: at, name, workers, concurrency, ...figures(sums, workers * concurrency) };
  });
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

function figures(
  sums: TrailerSums | undefined,
  slots: number,
): Omit<StageReport, 'stage' | 'name' | 'workers' | 'concurrency'> {
  const counts = sums?.counts ?? { ok: 0, skipped: 0, failed: 0, stalled: 0, notRun: 0 };
  const total = itemsOf(counts);
  const { firstAt = 0, lastAt = 0, chunks = 0, retried = 0 } = sums ?? {};
  const seconds = Math.max(lastAt - firstAt, 1) / 1000;
  const busyMs = [...(sums?.workers.values() ?? [])].reduce((sum, one) => sum + one.busyMs, 0);
  const processes = [...(sums?.processes.values() ?? [])];
  const ran = total - counts.notRun;
  const at = (q: number): number => (sums === undefined ? 0 : round(quantile(sums.durations, q)));
  return {
    total,
    ...counts,
    chunks,
    retried,
    ...(ran === 0 ? {} : { startedAt: isoTime(firstAt), finishedAt: isoTime(lastAt) }),
    throughput: ran === 0 ? 0 : round(ran / seconds),
    errorRate: ran === 0 ? 0 : round((counts.failed + counts.stalled) / ran),
    median: at(0.5),
    p95: at(0.95),
    busySlots: ran === 0 ? 0 : round(busyMs / 1000 / seconds),
    utilisation: ran === 0 ? 0 : round(Math.min(1, busyMs / 1000 / seconds / slots)),
    cpuSeconds: round(
      processes.reduce((sum, { cpuMs, fromCpuMs }) => sum + cpuMs - fromCpuMs, 0) / 1000,
    ),
    peakRssMb: Math.round(Math.max(0, ...processes.map(({ rssBytes }) => rssBytes)) / 1e6),
  };
}
