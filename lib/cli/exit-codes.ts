import type { SluiceErrorCode } from '../core/errors.ts';
import type { Report } from '../core/report.ts';

/** What the process ends with; `sluice --help` lists them. */
export const EXIT = {
  ok: 0,
  error: 1,
  failures: 2,
  threshold: 3,
  notFound: 4,
  usage: 64,
  interrupted: 130,
} as const;

/** A batch that failed or was cancelled is an error; a done one says whether all of its items are. */
export function exitOfReport({
  status,
  failed,
  stalled,
  notRun,
}: Pick<Report, 'status' | 'failed' | 'stalled' | 'notRun'>): number {
  switch (status) {
    case 'stopped':
      return EXIT.threshold;
    case 'failed':
    case 'cancelled':
      return EXIT.error;
    case 'done':
      // Not run: what a round before was cancelled over, and this one did not take.
      return failed + stalled + notRun > 0 ? EXIT.failures : EXIT.ok;
  }
}

/** Of any error's code; those without one of ours are errors like others. */
export function exitOfCode(code: SluiceErrorCode | undefined): number {
  if (code === 'USAGE') return EXIT.usage;
  return code === 'NOT_FOUND' ? EXIT.notFound : EXIT.error;
}
