import type { Json } from './assembly.ts';
import { templateFault } from './faults.ts';
import { nameOfArn } from './names.ts';
import type { Properties, SpecsContext } from './properties.ts';

export interface MappingSpec {
  logicalId: string;
  /** Names. */
  queue: string;
  function: string;
  batchSize: number;
  /** Divided by the speed. */
  windowMs: number;
  /** ScalingConfig.MaximumConcurrency. */
  maxConcurrency: number | undefined;
  reportsFailures: boolean;
}

/** A mapping as it is run; none where it is disabled. */
export function mappingSpec({ speed }: SpecsContext, properties: Properties): MappingSpec[] {
  const { logicalId, text, number, object, all } = properties;
  if (all['Enabled'] === false || all['Enabled'] === 'false') return [];
  const source = text('EventSourceArn');
  if (!source.startsWith('arn:aws:sqs:')) {
    throw templateFault(`Mapping ${logicalId} reads ${source}; the emulator maps SQS queues only.`);
  }
  const max = number('MaximumConcurrency', -1, object('ScalingConfig') ?? {});
  const responses = (all['FunctionResponseTypes'] ?? []) as Json[];
  return [
    {
      logicalId,
      queue: nameOfArn(source),
      function: nameOfArn(text('FunctionName')),
      batchSize: number('BatchSize', 10),
      windowMs: (number('MaximumBatchingWindowInSeconds', 0) * 1000) / speed,
      maxConcurrency: max < 0 ? undefined : max,
      reportsFailures: responses.includes('ReportBatchItemFailures'),
    },
  ];
}

/** What a mapping is checked against: times in ms, divided by the speed. */
interface Ends {
  queue: { visibilityMs: number } | undefined;
  function: { timeoutMs: number } | undefined;
}

/** What Lambda refuses when a mapping is made (lambda/latest/dg/services-sqs-configure and -scaling). */
export function checkMapping(mapping: MappingSpec, ends: Ends): void {
  const why = refusal(mapping, ends);
  if (why !== undefined) {
    throw templateFault(`Event source mapping ${mapping.logicalId}: ${why}.`);
  }
}

function refusal(mapping: MappingSpec, { queue, function: target }: Ends): string | undefined {
  const { batchSize, windowMs, maxConcurrency } = mapping;
  if (queue === undefined) return `queue ${mapping.queue} is not in this stack`;
  if (target === undefined) return `function ${mapping.function} is not in this stack`;
  if (queue.visibilityMs < target.timeoutMs) {
    return `its function may run ${target.timeoutMs} ms, longer than the queue's visibility time-out of ${queue.visibilityMs} ms`;
  }
  if (maxConcurrency !== undefined && (maxConcurrency < 2 || maxConcurrency > 1000)) {
    return `MaximumConcurrency must be from 2 to 1000; it is ${maxConcurrency}`;
  }
  if (batchSize < 1 || batchSize > 10_000 || (batchSize > 10 && windowMs === 0)) {
    return `BatchSize must be from 1 to 10, or up to 10000 with a batching window; it is ${batchSize}`;
  }
  return undefined;
}
