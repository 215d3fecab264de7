import { describe, expectTypeOf, it } from 'vitest';
import * as z from 'zod';
import {
  csv,
  defineJob,
  type GroupContext,
  inBatches,
  type JobContext,
  ndjson,
  ok,
  skip,
} from '../../lib/index.ts';

describe('types of a job', () => {
  it('come from the schema of its input and of its options', () => {
    const job = defineJob({
      name: 'typed',
      input: csv(z.object({ siren: z.string(), staff: z.coerce.number() })),
      options: z.object({ rate: z.coerce.number() }),
      key: (row) => row.siren,
      process(row, ctx) {
        expectTypeOf(row).toEqualTypeOf<{ siren: string; staff: number }>();
        expectTypeOf(ctx).toEqualTypeOf<JobContext<{ rate: number }>>();
        return row.staff > 0
          ? ok({ cost: row.staff * ctx.options.rate })
          : skip('nobody works there');
      },
    });
    expectTypeOf(job.name).toBeString();
  });

  it('without a schema are text by column for CSV, and unknown for NDJSON', () => {
    defineJob({
      name: 'plain',
      input: csv(),
      process(row) {
        expectTypeOf(row).toEqualTypeOf<Record<string, string>>();
        return ok(row);
      },
    });
    defineJob({
      name: 'raw',
      input: ndjson(),
      process(row) {
        expectTypeOf(row).toBeUnknown();
        return ok(row);
      },
    });
  });

  it('of a step come from the step before it; those of a group are written, and checked', () => {
    const job = defineJob({
      name: 'stepped',
      input: csv(z.object({ siren: z.string() })),
      options: z.object({ rate: z.coerce.number() }),
      steps: [
        (row, ctx) => {
          expectTypeOf(row).toEqualTypeOf<{ siren: string }>();
          return ok({ digits: row.siren.length * ctx.options.rate });
        },
        inBatches(100, (rows: readonly { digits: number }[], ctx) => {
          expectTypeOf(ctx).toEqualTypeOf<GroupContext>();
          return rows.map(({ digits }) => ok(digits));
        }),
        (digits) => {
          expectTypeOf(digits).toBeNumber();
          return ok(String(digits));
        },
      ],
    });
    expectTypeOf(job.name).toBeString();
    defineJob({
      name: 'only',
      input: csv(z.object({ siren: z.string() })),
      steps: [
        // @ts-expect-error the row of the input has no column of this name
        inBatches(100, (rows: readonly { name: string }[]) => rows.map(({ name }) => ok(name))),
      ],
    });
  });
});
