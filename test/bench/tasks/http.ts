import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import type { Figures } from '../child.ts';

interface Spec {
  /** URL of undici's entry: bundled it could not load Node's own modules. */
  undici: string;
  url: string;
  calls: number;
  concurrency: number;
}

interface CarefulSpec extends Spec {
  input: string;
  /** Where a line for each row goes. */
  output: string;
}

interface Answer {
  statusCode: number;
  body: { json(): Promise<unknown> };
}

interface Pool {
  request(options: object): Promise<Answer>;
  close(): Promise<void>;
}

async function openPool({ undici, url }: Spec): Promise<Pool> {
  const { default: module } = (await import(undici)) as {
    default: { Pool: new (origin: string, options: object) => Pool };
  };
  return new module.Pool(url, { pipelining: 1 });
}

/** Loops on one pool, and nothing else: no input, no time-out, no line of what came of a call. */
export async function bareHttpTask(spec: Spec): Promise<Figures> {
  const { calls, concurrency } = spec;
  const pool = await openPool(spec);
  const from = performance.now();
  let [begun, done] = [0, 0];
  const loop = async (): Promise<void> => {
    while (begun < calls) {
      begun += 1;
      const path = `/items/${begun}`;
      const { statusCode, body } = await pool.request({ path, method: 'GET' });
      await body.json();
      if (statusCode === 200) done += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  const workS = (performance.now() - from) / 1000;
  await pool.close();
  if (done !== calls) throw new Error(`${done} of ${calls} calls were answered.`);
  return { workS };
}

const TIMEOUT_MS = 10_000;
const TRIES = 3;

/**
 * What somebody careful writes by hand for the same job: rows are read from the file, a call has 10 s from end to end
 * (undici's own time-outs look at parts of it) and three tries, and each row leaves a line.
 */
export async function carefulHttpTask(spec: CarefulSpec): Promise<Figures> {
  const { calls, concurrency, input, output } = spec;
  const pool = await openPool(spec);
  const from = performance.now();
  const lines = createInterface({ input: createReadStream(input), crlfDelay: Infinity });
  const rows = lines[Symbol.asyncIterator]();
  const out = createWriteStream(output);
  let [index, ok] = [0, 0];
  const call = async (row: { id: number }): Promise<unknown> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { statusCode, body } = await pool.request({
          path: `/items/${row.id}`,
          method: 'GET',
          headers: { accept: 'application/json' },
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        const value = await body.json();
        if (statusCode !== 200) throw new Error(`status ${statusCode}`);
        return value;
      } catch (error) {
        if (attempt === TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt));
      }
    }
  };
  const loop = async (): Promise<void> => {
    for (let next = await rows.next(); !next.done; next = await rows.next()) {
      const at = index;
      index += 1;
      const startedAt = performance.now();
      let outcome: object;
      try {
        await call(JSON.parse(next.value) as { id: number });
        outcome = { status: 'ok', value: null };
        ok += 1;
      } catch (error) {
        outcome = { status: 'failed', error: String(error) };
      }
      const ms = performance.now() - startedAt;
      out.write(`${JSON.stringify({ index: at, key: String(at), ...outcome, ms })}\n`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  out.end();
  await finished(out);
  const workS = (performance.now() - from) / 1000;
  await pool.close();
  if (ok !== calls) throw new Error(`${ok} of ${calls} calls were answered.`);
  return { workS };
}
