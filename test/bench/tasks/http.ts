import type { Figures } from '../child.ts';

interface Spec {
  /** URL of undici's entry: bundled it could not load Node's own modules. */
  undici: string;
  url: string;
  calls: number;
  concurrency: number;
}

interface Undici {
  Pool: new (
    origin: string,
    options: object,
  ) => {
    request(options: object): Promise<{ statusCode: number; body: { json(): Promise<unknown> } }>;
    close(): Promise<void>;
  };
}

/** What ctx.http is measured by: loops on one pool, and nothing else. */
export async function bareHttpTask({ undici, url, calls, concurrency }: Spec): Promise<Figures> {
  const { default: module } = (await import(undici)) as { default: Undici };
  const pool = new module.Pool(url, { pipelining: 1 });
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
