import type { GroupStep } from '../../index.ts';
import { type TableSinkOptions, tableSink } from '../../sinks/table-sink.ts';
import type { Assessment } from './assess.ts';

/** What goes to a sink. */
export interface AgentResult {
  agent: string;
  assessment: Assessment;
}

/**
 * The table of results, one row an agent: counts by state, and the competencies as `details` lists them.
 *
 * @example
 * tableSink({ ...assessmentTable, url: (ctx) => ctx.secret('DATABASE_URL') })
 */
export const assessmentTable = {
  table: 'assessments',
  columns: {
    agent: 'text',
    held: 'integer',
    not_held: 'integer',
    indeterminate: 'integer',
    unknown: 'integer',
    competencies: 'json',
  },
  row: ({ agent, assessment }: AgentResult) => {
    const { notHeld, ...rest } = assessment;
    return { agent, not_held: notHeld, ...rest };
  },
} satisfies Omit<TableSinkOptions<AgentResult>, 'url'>;

/** Writes to the batch's option `sink`, where it has one. */
export function sinkOfOptions(): GroupStep<AgentResult, AgentResult> {
  const sink = tableSink<AgentResult>({
    ...assessmentTable,
    url: ({ options }) => options['sink'] as string,
  });
  return {
    ...sink,
    size: (options) => (options['sink'] === undefined ? 0 : (sink.size as number)),
  };
}
