import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Bench, batchVariant, type Measured } from './support.ts';
import { against, count, figure, row } from './table.ts';

const CONCURRENCY = 200;
const ANSWER_MS = 50;

/** A process of its own: what it uses is not the client's. */
const SERVER = `import { createServer } from 'node:http';
const server = createServer((request, response) => {
  setTimeout(() => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ url: request.url }));
  }, ${ANSWER_MS});
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

const job = (url: string): string => `import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'calls',
  input: ndjson(),
  limits: { concurrency: ${CONCURRENCY}, workers: 1, chunk: 10000 },
  http: { baseUrl: '${url}' },
  async process(row, ctx) {
    await ctx.http.getJson('/items/' + row.id);
    return ok(null);
  },
});
`;

const perCall = (measured: Measured): number => (measured.cpuS / measured.n) * 1e6;
const perS = ({ n, figures }: Measured): number => n / (figures['workS'] ?? Number.NaN);

export const httpBench: Bench = {
  name: 'http',
  about: `calls of ${ANSWER_MS} ms, ${CONCURRENCY} at once, a whole batch and bare loops on one pool (wanted: >= 0.95 of its rate, <= 1.3 of its CPU)`,
  async run({ options, scratch, size, measure, table, say }) {
    const calls = size(options.items, 100_000, 4000);
    const input = await scratch.lines(calls);
    const file = join(scratch.folder, 'calls.mjs');
    const { server, url } = await startServer(join(scratch.folder, 'server.mjs'));
    try {
      writeFileSync(file, job(url));
      const undici = pathToFileURL(createRequire(import.meta.url).resolve('undici')).href;
      const spec = { undici, url, calls, concurrency: CONCURRENCY };
      const rows = await measure([
        { name: 'bare pool', n: calls, task: 'bare-http', spec },
        {
          name: 'careful loop',
          n: calls,
          task: 'careful-http',
          spec: { ...spec, input, output: join(scratch.folder, 'outcomes.ndjson') },
        },
        batchVariant(scratch, {
          name: 'ctx.http',
          spec: { job: file, input, parallel: 'off', items: calls },
        }),
      ]);
      const cpu = { title: 'CPU us a call', of: (one: Measured) => count(perCall(one), 1) };
      const rate = { title: 'calls/s', of: (one: Measured) => count(perS(one)) };
      table(rows, [rate, cpu, figure('work s', 'workS', 2)]);
      const ours = row(rows, 'ctx.http');
      for (const name of ['bare pool', 'careful loop']) {
        const theirs = row(rows, name);
        say(`rate, of the ${name}'s: ${against(perS(ours) / perS(theirs), '>=', 0.95)}`);
        const ratio = perCall(ours) / perCall(theirs);
        say(`CPU of the whole process a call, of the ${name}'s: ${against(ratio, '<=', 1.3)}`);
      }
    } finally {
      server.kill();
    }
  },
};

async function startServer(file: string): Promise<{ server: ChildProcess; url: string }> {
  writeFileSync(file, SERVER);
  const server = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(server.stdout, 'data')) as [Buffer];
  return { server, url: `http://127.0.0.1:${port.toString().trim()}` };
}
