import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Figures } from '../child.ts';

interface Spec {
  /** URLs of bullmq and ioredis. */
  bullmq: string;
  ioredis: string;
  port: number;
  input: string;
  items: number;
  /** One job an item, or one a thousand lines: the byte range, read by the worker. */
  per: 'item' | 'chunk';
}

interface Job {
  data: { index: number; line?: string; start?: number; end?: number };
}
interface Queue {
  addBulk(jobs: { name: string; data: Job['data'] }[]): Promise<unknown>;
  getJobCounts(): Promise<Record<string, number>>;
  obliterate(options: { force: boolean }): Promise<void>;
  close(): Promise<void>;
}
interface Worker {
  on(event: 'completed' | 'failed' | 'error', call: () => void): void;
  close(): Promise<void>;
}
type Connection = { connection: object; concurrency?: number };
interface BullMq {
  Queue: new (name: string, options: Connection) => Queue;
  Worker: new (name: string, work: (job: Job) => Promise<unknown>, options: Connection) => Worker;
}

const CHUNK = 1000;
const LINE_BYTES = 100;
const IN_FLIGHT = 64;

/**
 * The no-op job through BullMQ: all jobs are added, worked by one worker with 64 at once and kept with
 * their results, as a batch keeps its outcomes. `redisCpuS` is the server's own time.
 */
export async function bullmqTask(spec: Spec): Promise<Figures> {
  const { Queue, Worker } = (await import(spec.bullmq)) as BullMq;
  const { Redis } = (await import(spec.ioredis)) as {
    Redis: new (options: object) => { info(section: string): Promise<string>; quit(): unknown };
  };
  const connection = { host: '127.0.0.1', port: spec.port, maxRetriesPerRequest: null };
  const redis = new Redis(connection);
  const name = `bench-${process.pid}`;
  const queue = new Queue(name, { connection });
  const jobs = spec.per === 'item' ? spec.items : Math.ceil(spec.items / CHUNK);
  const before = cpuOf(await redis.info('cpu'));
  const from = performance.now();
  let left = jobs;
  let failed = 0;
  const worker = new Worker(name, spec.per === 'item' ? workItem : workChunk(spec.input), {
    connection,
    concurrency: spec.per === 'item' ? IN_FLIGHT : 1,
  });
  const done = new Promise<void>((resolve) => {
    const ended = (): void => {
      left -= 1;
      if (left === 0) resolve();
    };
    worker.on('completed', ended);
    worker.on('failed', () => {
      failed += 1;
      ended();
    });
    worker.on('error', () => undefined);
  });
  for await (const bulk of spec.per === 'item' ? itemJobs(spec) : chunkJobs(spec)) {
    await queue.addBulk(bulk);
  }
  await done;
  const workS = (performance.now() - from) / 1000;
  const { completed = 0 } = await queue.getJobCounts();
  const redisCpuS = cpuOf(await redis.info('cpu')) - before;
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  await redis.quit();
  if (failed > 0 || completed !== jobs) throw new Error(`${completed} of ${jobs} jobs completed.`);
  return { workS, itemsPerS: spec.items / workS, redisCpuS };
}

const workItem = async ({ data }: Job): Promise<unknown> => {
  JSON.parse(data.line ?? '');
  return { index: data.index, status: 'ok', value: null };
};

/** Reads its own lines and gives their outcomes as text, as a part holds them. */
const workChunk =
  (input: string) =>
  async ({ data: { index, start = 0, end = 0 } }: Job): Promise<unknown> => {
    const file = await open(input);
    const bytes = Buffer.alloc(end - start);
    await file.read(bytes, 0, bytes.length, start);
    await file.close();
    let outcomes = '';
    for (const [at, line] of bytes.toString().trimEnd().split('\n').entries()) {
      JSON.parse(line);
      outcomes += `{"index":${index + at},"key":null,"status":"ok","value":null}\n`;
    }
    return outcomes;
  };

async function* itemJobs({ input }: Spec): AsyncGenerator<{ name: string; data: Job['data'] }[]> {
  let bulk: { name: string; data: Job['data'] }[] = [];
  let index = 0;
  for await (const line of createInterface({ input: createReadStream(input) })) {
    bulk.push({ name: 'item', data: { index, line } });
    index += 1;
    if (bulk.length < CHUNK) continue;
    yield bulk;
    bulk = [];
  }
  if (bulk.length > 0) yield bulk;
}

async function* chunkJobs({ items }: Spec): AsyncGenerator<{ name: string; data: Job['data'] }[]> {
  for (let index = 0; index < items; index += CHUNK) {
    const end = Math.min(index + CHUNK, items) * LINE_BYTES;
    yield [{ name: 'chunk', data: { index, start: index * LINE_BYTES, end } }];
  }
}

const cpuOf = (info: string): number =>
  [...info.matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)].reduce(
    (sum, [, seconds]) => sum + Number(seconds),
    0,
  );
