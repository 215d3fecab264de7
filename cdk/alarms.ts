import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IAlarmAction,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { METRICS } from './function.ts';
import type { Granted } from './grants.ts';
import { stableId } from './stable-id.ts';
import type { Line } from './stage-queue.ts';

/** Whoever is woken by a queue. */
export interface Consumer {
  granted: Granted;
  line: Line;
  timeoutS: number;
}

interface AlarmRow {
  id: string;
  metric: Metric;
  /** The alarm rings above it (or below, with `below`). */
  threshold: number;
  /** Periods in a row. */
  periods?: number;
  below?: boolean;
  says: string;
}

const PERIOD = Duration.minutes(5);
/** Shorter waits are those of a full window; a crashed worker's message is back after 6 time-outs. */
const LEAST_AGE_S = 900;

/** Metrics that the functions write: namespace, and the stack as service. */
export const ownMetric = (stack: string, metricName: string): Metric =>
  new Metric({
    namespace: METRICS,
    metricName,
    dimensionsMap: { service: stack },
    statistic: 'Sum',
    period: PERIOD,
  });

/** One alarm each: dead letters, age, errors, throttles; batches that stall or break; a silent sweeper. */
export function createAlarms(
  scope: Construct,
  {
    stack,
    consumers,
    sweeper,
  }: { stack: string; consumers: readonly Consumer[]; sweeper: Granted },
  topicArn: string | undefined,
): Alarm[] {
  const rows = [
    ...consumers.flatMap(consumerRows),
    ...sweeperRows(sweeper),
    ...batchRows((name) => ownMetric(stack, name)),
  ];
  const action =
    topicArn === undefined
      ? undefined
      : new SnsAction(Topic.fromTopicArn(scope, 'AlarmTopic', topicArn));
  return rows.map((row) => createAlarm(scope, row, action));
}

function createAlarm(scope: Construct, row: AlarmRow, action: IAlarmAction | undefined): Alarm {
  const { id, metric, threshold, periods = 1, below = false, says } = row;
  const alarm = new Alarm(scope, id, {
    metric,
    threshold,
    evaluationPeriods: periods,
    alarmDescription: says,
    comparisonOperator: below
      ? ComparisonOperator.LESS_THAN_THRESHOLD
      : ComparisonOperator.GREATER_THAN_THRESHOLD,
    // No data means no trouble, except from what has to run each minute.
    treatMissingData: below ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
  });
  stableId(alarm, id);
  if (action !== undefined) alarm.addAlarmAction(action);
  return alarm;
}

const consumerRows = ({ granted: { id, fn }, line, timeoutS }: Consumer): AlarmRow[] => {
  const ageS = Math.max(LEAST_AGE_S, 2 * timeoutS);
  return [
    {
      id: `${line.id}DeadLettersAlarm`,
      metric: line.deadLetters.metricApproximateNumberOfMessagesVisible({
        statistic: 'Maximum',
        period: PERIOD,
      }),
      threshold: 0,
      says: `A message for ${id} was received 5 times in vain. The sweeper has sent it anew; the copy is evidence: look into the log of ${id}, then purge the queue.`,
    },
    {
      id: `${line.id}AgeAlarm`,
      metric: line.queue.metricApproximateAgeOfOldestMessage({
        statistic: 'Maximum',
        period: PERIOD,
      }),
      threshold: ageS,
      periods: 3,
      says: `A message has waited for ${id} longer than ${ageS} s: workers crash, are throttled, or more batches run than its cap can carry.`,
    },
    {
      id: `${id}ErrorsAlarm`,
      metric: fn.metricErrors({ period: PERIOD }),
      threshold: 0,
      says: `${id} threw, ran out of memory or out of time. Its messages come back; see its log.`,
    },
    {
      id: `${id}ThrottlesAlarm`,
      metric: fn.metricThrottles({ period: PERIOD }),
      threshold: 0,
      periods: 3,
      says: `${id} was throttled for 15 minutes: the account's concurrency is used up, or several batches share a cap of 1.`,
    },
  ];
};

const sweeperRows = ({ id, fn }: Granted): AlarmRow[] => [
  {
    id: `${id}ErrorsAlarm`,
    metric: fn.metricErrors({ period: PERIOD }),
    threshold: 0,
    periods: 3,
    says: 'Sweeps have failed for 15 minutes: what is lost meanwhile is not sent anew. See its log.',
  },
  {
    id: `${id}SilentAlarm`,
    metric: fn.metricInvocations({ period: PERIOD }),
    threshold: 1,
    periods: 3,
    below: true,
    says: 'No sweep has run for 15 minutes: is its schedule disabled?',
  },
];

const batchRows = (metric: (name: string) => Metric): AlarmRow[] => [
  {
    id: 'StalledBatchesAlarm',
    metric: metric('StalledBatches'),
    threshold: 0,
    says: 'A batch runs and makes no progress: see `sluice list --stack` and its status.',
  },
  {
    id: 'BrokenBatchesAlarm',
    metric: metric('BrokenBatches'),
    threshold: 0,
    says: 'A batch failed as a whole: unknown job, unreadable input, or code that throws on load. Its record says why.',
  },
  {
    id: 'NewerSchemaAlarm',
    metric: metric('NewerSchema'),
    threshold: 0,
    says: 'A record or message was written by a newer Sluice than the one deployed: deploy the newer one; the sweeper sends it again.',
  },
];
