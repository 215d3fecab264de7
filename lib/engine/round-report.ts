import { SluiceError } from '../core/errors.ts';
import { reportKey } from '../core/keys.ts';
import { addCounts, itemsOf, noCounts } from '../core/outcome.ts';
import type { Report, RoundSummary, StageReport } from '../core/report.ts';
import type { RoundChoice } from '../core/retry.ts';
import { firstGroups } from '../core/stage-settings.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Batch } from './batch.ts';
import { wasCutShort } from './came-through.ts';
import { listFailures } from './failure-groups.ts';
import type { BatchAfter, RoundMergeOptions } from './merge-round.ts';
import type { ReportState } from './report-files.ts';

/** The report of one round as it was written. Throws `DAMAGED` where it is gone or unreadable. */
export async function roundReport(
  objects: ObjectStore,
  batch: string,
  round: number,
): Promise<Report> {
  const key = reportKey(batch, round, 'report.json');
  const bytes = await objects.get(key);
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString()) as Report;
  } catch (error) {
    throw new SluiceError(
      'DAMAGED',
      `The report of round ${round} of batch ${batch} is ${bytes === undefined ? 'missing' : 'damaged'}: ${key}`,
      { cause: error },
    );
  }
}

/** A later round's report: the round's own figures, and the batch as it is after it. Round 0's stays as it is. */
export function withRounds(
  { batch, earlier }: Pick<ReportState, 'batch' | 'earlier'>,
  own: Report,
  after: BatchAfter | undefined,
): Report {
  if (earlier === undefined || after === undefined) return own;
  const { resolved, groups, details } = after;
  const { details: _own, failures: _ofRound, ...figures } = own;
  const { counts } = after;
  return {
    ...figures,
    total: itemsOf(counts),
    ...counts,
    resolved,
    rounds: [...(earlier.rounds ?? [summaryOf(earlier, undefined)]), summaryOf(own, batch.filter)],
    failures: listFailures(groups),
    digests: { ...own.digests, input: earlier.digests.input },
    ...(details === undefined ? {} : { details }),
  };
}

/** From the first groupBy on a round replaces what the newest round before it left that was not cut short. */
export function replacedBy(
  batch: Batch,
  earlier: Report,
): ReturnType<RoundMergeOptions['replaced']> {
  const from = firstGroups(batch.settings);
  if (from === Number.POSITIVE_INFINITY || wasCutShort(batch)) {
    return { from: Number.POSITIVE_INFINITY, counts: noCounts() };
  }
  const rounds: Pick<RoundSummary, 'round' | 'status' | 'stages'>[] = earlier.rounds ?? [earlier];
  const last = rounds.findLast(({ round, status }) => round === 0 || status === 'done');
  return { from, counts: (last?.stages ?? []).slice(from).reduce(addCounts, noCounts()) };
}

function summaryOf(own: Report, choice: RoundChoice | undefined): RoundSummary {
  const { round, status, reason, startedAt, finishedAt, total, digests } = own;
  const { ok, skipped, failed, stalled, notRun, stages } = own;
  const { input, job, outcomes, manifest } = digests;
  return {
    round,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(choice === undefined ? {} : { choice: asked(choice) }),
    startedAt,
    finishedAt,
    total,
    ...{ ok, skipped, failed, stalled, notRun },
    ...(stages === undefined ? {} : { stages: stages.map(countsOfStage) }),
    digests: { input, job, outcomes, manifest },
  };
}

const countsOfStage = ({
  name,
  total,
  ok,
  skipped,
  failed,
  stalled,
  notRun,
}: StageReport): NonNullable<RoundSummary['stages']>[number] => ({
  ...{ name, total, ok, skipped, failed, stalled, notRun },
});

const asked = ({
  codes,
  keys,
  first,
  stage,
  stalled,
}: RoundChoice): NonNullable<RoundSummary['choice']> => ({
  ...(codes === undefined ? {} : { codes }),
  ...(keys === undefined ? {} : { keys }),
  ...(first === undefined ? {} : { first }),
  ...(stage === undefined ? {} : { stage }),
  stalled: stalled > 0,
});
