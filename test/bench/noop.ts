import { BULLMQ, IOREDIS, peers, peerUrl, startRedis } from './peers.ts';
import { type Bench, batchVariant, type Context } from './support.ts';
import { against, count, figure, perWallSecond, row } from './table.ts';

export const noopBench: Bench = {
  name: 'noop',
  about: 'a job that does nothing, lines of 100 B, durable (wanted: 150,000/s, on two 250,000/s)',
  async run(context) {
    const { options, scratch, size, measure, table, say } = context;
    const items = size(options.items, 1_000_000, 20_000);
    const [job, input] = [await scratch.noopJob(), await scratch.lines(items)];
    const variants = [1000, 10_000].flatMap((chunk) =>
      (['off', 'on'] as const).map((parallel) =>
        batchVariant(scratch, {
          name: `parallel ${parallel}, chunk ${count(chunk)}`,
          spec: { job, input, parallel, chunk, items },
        }),
      ),
    );
    const rows = await measure(variants);
    table(rows, [perWallSecond, figure('work s', 'workS', 2), figure('end s', 'endS', 2)]);
    for (const chunk of ['1,000', '10,000']) {
      const perS = (parallel: string): number => {
        const { n, wallS } = row(rows, `parallel ${parallel}, chunk ${chunk}`);
        return n / wallS;
      };
      say(`chunk ${chunk}, one thread:  ${against(perS('off'), '>=', 150_000, 0)}`);
      say(`chunk ${chunk}, two threads: ${against(perS('on'), '>=', 250_000, 0)}`);
    }
    await besideBullMq(context, items);
  },
};

async function besideBullMq(context: Context, items: number): Promise<void> {
  const { options, scratch, size, measure, table, say } = context;
  const folder = await peers([BULLMQ, IOREDIS]);
  if (folder === undefined) return say(`${BULLMQ} skipped: needs the npm registry`);
  const redis = await startRedis(scratch.folder);
  if (redis === undefined) return say(`${BULLMQ} skipped: needs redis-server on the PATH`);
  try {
    const jobs = size(options.jobs, 50_000, 2000);
    const spec = {
      bullmq: await peerUrl(folder, 'bullmq'),
      ioredis: await peerUrl(folder, 'ioredis'),
      port: redis.port,
    };
    const perItem = { ...spec, items: jobs, per: 'item', input: await scratch.lines(jobs) };
    const perChunk = { ...spec, items, per: 'chunk', input: await scratch.lines(items) };
    const rows = await measure([
      { name: `${BULLMQ}, a job an item`, n: jobs, task: 'bullmq', spec: perItem },
      { name: `${BULLMQ}, a job a 1,000 lines`, n: items, task: 'bullmq', spec: perChunk },
    ]);
    table(rows, [figure('items per s', 'itemsPerS'), figure('Redis CPU s', 'redisCpuS', 2)]);
  } finally {
    await redis.end();
  }
}
