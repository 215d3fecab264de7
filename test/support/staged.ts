import type { Job } from '../../lib/core/job.ts';
import { defineJob, each, ndjson, ok, skip } from '../../lib/index.ts';

/** Three stages: every third row gives nothing, every other third two items; the second stage skips some. */
export const runnableJob = (): Job =>
  defineJob(
    { name: 'staged', input: ndjson() },
    each({
      name: 'spread',
      process: (row) => {
        const { n } = row as { n: number };
        if (n % 3 === 0) return ok({ n, part: 0 });
        return n % 3 === 1
          ? ok.many([
              { n, part: 0 },
              { n, part: 1 },
              { n, part: 2 },
            ])
          : ok.many([]);
      },
    }),
    each({
      name: 'double',
      key: ({ n, part }) => `${n}.${part}`,
      process: ({ n, part }) => (n % 7 === 0 && part === 0 ? skip('a seventh') : ok(2 * n + part)),
    }),
    each({ name: 'last', process: (n, ctx) => ok({ n, r: Math.floor(ctx.rng() * 1e6) }) }),
  ) as Job;
