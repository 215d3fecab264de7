import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { type Consumer, ownMetric } from './alarms.ts';
import type { Granted } from './grants.ts';
import { stableId } from './stable-id.ts';

/** CloudWatch's grid has 24 columns: three graphs a row. */
const WIDTH = 8;
const HEIGHT = 6;
const MINUTE = { period: Duration.minutes(1) };

const graph = (title: string, left: IMetric[]): GraphWidget =>
  new GraphWidget({ title, left, width: WIDTH, height: HEIGHT });

/** Three rows: what batches do, what waits, what runs. */
export function createDashboard(
  scope: Construct,
  {
    stack,
    consumers,
    sweeper,
  }: { stack: string; consumers: readonly Consumer[]; sweeper: Granted },
): void {
  const own = (...names: string[]) => names.map((name) => ownMetric(stack, name));
  const functions = [...consumers.map(({ granted }) => granted), sweeper];
  const dashboard = new Dashboard(scope, 'Dashboard', {
    widgets: [
      [
        graph('Chunks committed', own('ChunksCommitted')),
        graph('Items failed, messages resent', own('ItemsFailed', 'Resent')),
        graph(
          'Batches stalled, broken, newer',
          own('StalledBatches', 'BrokenBatches', 'NewerSchema'),
        ),
      ],
      [
        graph(
          'Messages waiting',
          consumers.map(({ line: { queue } }) =>
            queue.metricApproximateNumberOfMessagesVisible({ ...MINUTE, statistic: 'Maximum' }),
          ),
        ),
        graph(
          'Age of the oldest message (s)',
          consumers.map(({ line: { queue } }) =>
            queue.metricApproximateAgeOfOldestMessage({ ...MINUTE, statistic: 'Maximum' }),
          ),
        ),
        graph(
          'Dead letters',
          consumers.map(({ line: { deadLetters } }) =>
            deadLetters.metricApproximateNumberOfMessagesVisible({
              ...MINUTE,
              statistic: 'Maximum',
            }),
          ),
        ),
      ],
      [
        graph(
          'Running at once',
          functions.map(({ fn }) =>
            fn.metric('ConcurrentExecutions', { ...MINUTE, statistic: 'Maximum' }),
          ),
        ),
        graph(
          'Duration (ms, p95)',
          functions.map(({ fn }) => fn.metricDuration({ ...MINUTE, statistic: 'p95' })),
        ),
        graph(
          'Errors and throttles',
          functions.flatMap(({ fn }) => [fn.metricErrors(MINUTE), fn.metricThrottles(MINUTE)]),
        ),
      ],
    ],
  });
  stableId(dashboard, 'Dashboard');
}
