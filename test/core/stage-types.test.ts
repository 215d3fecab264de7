import { describe, expectTypeOf, it } from 'vitest';
import * as z from 'zod';
import {
  csv,
  defineJob,
  each,
  type Group,
  groupBy,
  inBatches,
  type JobContext,
  ok,
  skip,
} from '../../lib/index.ts';

describe('types of stages', () => {
  it('flow from stage to stage: values, values of many', () => {
    const job = defineJob(
      {
        name: 'staged',
        input: csv(z.object({ file: z.string() })),
        options: z.object({ rate: z.coerce.number() }),
      },
      each({
        name: 'read',
        process(row, ctx) {
          expectTypeOf(row).toEqualTypeOf<{ file: string }>();
          expectTypeOf(ctx).toEqualTypeOf<JobContext<{ rate: number }>>();
          return ok.many([row.file.length * ctx.options.rate]);
        },
      }),
      each({
        name: 'halve',
        key: (n) => String(n),
        process(n) {
          expectTypeOf(n).toBeNumber();
          return n > 1 ? ok({ half: n / 2 }) : skip('too small');
        },
      }),
      each({
        name: 'insert',
        steps: [
          inBatches(100, (rows: readonly { half: number }[]) => rows.map(({ half }) => ok(half))),
        ],
      }),
    );
    expectTypeOf(job.name).toBeString();
  });

  it('flow through a groupBy: its rows, and what it gives', () => {
    const job = defineJob(
      { name: 'grouped', input: csv(z.object({ artist: z.string(), size: z.coerce.number() })) },
      each({ name: 'read', process: (row) => ok(row) }),
      groupBy({
        name: 'artists',
        key(row) {
          expectTypeOf(row).toEqualTypeOf<{ artist: string; size: number }>();
          return row.artist;
        },
        async process(group, ctx) {
          expectTypeOf(group).toEqualTypeOf<Group<{ artist: string; size: number }>>();
          expectTypeOf(ctx.rng).toEqualTypeOf<() => number>();
          expectTypeOf(ctx).not.toHaveProperty('index');
          return ok({ artist: group.key, sizes: (await group.list()).map(({ size }) => size) });
        },
      }),
      each({
        name: 'sum',
        process(row) {
          expectTypeOf(row).toEqualTypeOf<{ artist: string; sizes: number[] }>();
          return ok(row.sizes.length);
        },
      }),
    );
    expectTypeOf(job.name).toBeString();
  });

  it('a stage that takes other rows than the one before it gives is refused', () => {
    defineJob({
      name: 'wrong',
      input: csv(z.object({ file: z.string() })),
      // @ts-expect-error the second stage takes numbers, the first one gives texts
      stages: [
        each({ name: 'read', process: (row: { file: string }) => ok(row.file) }),
        each({ name: 'add', process: (n: number) => ok(n + 1) }),
      ],
    });
  });
});
