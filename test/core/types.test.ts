import { describe, expectTypeOf, it } from 'vitest';
import * as z from 'zod';
import { csv, defineJob, type JobContext, ndjson, ok, skip } from '../../lib/index.ts';

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
});
