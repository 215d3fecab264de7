import { afterEach, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../lib/core/errors.ts';
import type { JobContext } from '../../lib/core/job.ts';
import { ok, type Result } from '../../lib/core/outcome.ts';
import { inBatches } from '../../lib/core/step.ts';
import {
  closeRemotes,
  type HttpJob,
  httpWorld,
  outcome,
  outcomes,
  remote,
  runThrough,
} from '../support/http-world.ts';

afterEach(closeRemotes);

const get =
  (url: string): HttpJob['process'] =>
  async (row: unknown, ctx) =>
    ok(await ctx.http.getJson(`${url}/${row}`));

const rowsOf = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('a server that is down for a while', () => {
  it('is asked less and less, and no item fails for it but those whose tries it used up before', async () => {
    let down = true;
    const server = await remote(({ url }, response) => {
      if (down) response.writeHead(503).end();
      else response.end(url.slice(1));
    });
    const world = httpWorld({
      rows: rowsOf(40),
      http: {
        breaker: { failures: 4, of: 8, open: '100ms', maxOpen: '400ms', openings: 50 },
        tries: 3,
      },
      limits: { concurrency: 2, chunk: 10 },
      process: get(server.url),
    });
    await world.start();
    const done = runThrough(world);
    await expect.poll(() => server.asked.length, { timeout: 10_000 }).toBeGreaterThan(6);
    const before = server.asked.length;
    down = false;
    await done;
    const report = await world.report();
    expect(report.total).toBe(40);
    // Four bad answers open it: two items at most have made all of their three tries by then.
    expect(report.failed).toBeLessThanOrEqual(2);
    expect(report.ok).toBe(40 - report.failed);
    expect(before).toBeLessThan(20);
    const [host] = report.http ?? [];
    expect(host).toMatchObject({ host: new URL(server.url).host, calls: server.asked.length });
    expect(host?.openings).toBeGreaterThan(0);
    expect(host?.bad).toBeGreaterThanOrEqual(4);
    expect(await world.file('report.html')).toContain('Remotes');
  }, 30_000);

  it('for longer than an item may take puts items back, which run through when it is back', async () => {
    let down = true;
    const server = await remote(({ url }, response) => {
      if (down) response.writeHead(500).end();
      else response.end(url.slice(1));
    });
    const world = httpWorld({
      rows: rowsOf(6),
      http: {
        breaker: { failures: 1, of: 1, open: '1200ms', maxOpen: '1200ms', openings: 50 },
        tries: 5,
      },
      limits: { concurrency: 2, chunk: 3, itemTimeout: '600ms' },
      process: get(server.url),
    });
    await world.start();
    const done = runThrough(world);
    await expect.poll(() => server.asked.length, { timeout: 10_000 }).toBeGreaterThan(1);
    down = false;
    await done;
    expect(await world.report()).toMatchObject({ ok: 6, failed: 0, status: 'done' });
  }, 30_000);

  it('for good pauses the batch with a reason, and a resume goes on', async () => {
    let down = true;
    const server = await remote(({ url, socket }, response) => {
      if (down) socket.resetAndDestroy();
      else response.end(url.slice(1));
    });
    const world = httpWorld({
      rows: rowsOf(30),
      http: {
        breaker: { failures: 3, of: 3, open: '20ms', maxOpen: '20ms', openings: 2 },
        tries: 20,
      },
      limits: { concurrency: 4, chunk: 10 },
      process: get(server.url),
    });
    await world.start();
    await runThrough(world);
    const { stop, reason } = await world.batch();
    expect(stop).toBe('pause');
    const { host } = new URL(server.url);
    // On a busy machine one probe more may go before anybody looks.
    expect(reason).toContain(`CIRCUIT_OPEN: ${host} is down: no good answer in `);
    expect(reason).toContain(' openings of its circuit breaker. Resume when it is back.');
    down = false;
    await world.engine.clock.sleep(50);
    await world.resume();
    await runThrough(world);
    expect(await world.report()).toMatchObject({ ok: 30, failed: 0, status: 'done' });
  }, 30_000);

  it('fails only its own items where addresses come from the input', async () => {
    const good = await remote((_, response) => response.end('1'));
    const bad = await remote(({ socket }) => void socket.resetAndDestroy());
    const rows = rowsOf(20).map((at) => (at % 2 === 0 ? good.url : bad.url));
    const allowHosts = [good, bad].map(({ port }) => `127.0.0.1:${port}`);
    const all = await outcomes({
      rows,
      http: {
        guard: true,
        allowHosts,
        tries: 2,
        breaker: { failures: 2, of: 4, open: '10m', maxOpen: '10m', openings: 1 },
      },
      limits: { itemTimeout: '2s', concurrency: 2 },
      process: async (url: string, ctx) => ok(await ctx.http.getJson(url)),
    });
    expect(all.filter(({ status }) => status === 'ok')).toHaveLength(10);
    const codes = all.flatMap(({ error }) => (error as { code: string } | undefined)?.code ?? []);
    expect(codes).toHaveLength(10);
    expect(codes.filter((code) => code === 'CIRCUIT_OPEN').length).toBeGreaterThanOrEqual(8);
  }, 30_000);
});

describe('a server that asks to be left alone', () => {
  it('is asked again when it said, not before', async () => {
    const at: number[] = [];
    const server = await remote(({ times }, response) => {
      at.push(performance.now());
      if (times === 1) response.writeHead(429, { 'retry-after': '1' }).end();
      else response.end('1');
    });
    expect(await outcome({ process: get(server.url) })).toEqual({ status: 'ok', value: 1 });
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(1000);
  });

  it('for longer than an item has gets the item later', async () => {
    const server = await remote(({ times }, response) => {
      if (times === 1) response.writeHead(503, { 'retry-after': '2' }).end();
      else response.end('1');
    });
    const limits = { itemTimeout: '500ms' };
    expect(await outcome({ limits, process: get(server.url) })).toEqual({ status: 'ok', value: 1 });
    const failing = {
      limits,
      http: { whenDown: 'fail' as const },
      process: get(`${server.url}/f`),
    };
    expect(await outcome(failing)).toMatchObject({
      error: {
        code: 'SERVER_ERROR',
        message: `${server.url}/f/0 answered 503, and to come back in 2 s.`,
      },
    });
  });
});

describe('tries', () => {
  it('are made of GET, and of POST only with an idempotency key or when asked', async () => {
    const server = await remote((_, response) => response.writeHead(500).end());
    const posts = (options: object) =>
      outcome({
        process: async (_, ctx) => ok(await ctx.http.postJson(server.url, { a: 1 }, options)),
      });
    expect(await posts({})).toMatchObject({ error: { kind: 'retryable', code: 'SERVER_ERROR' } });
    expect(server.asked).toHaveLength(1);
    await posts({ idempotencyKey: 'k1' });
    expect(server.asked).toHaveLength(4);
    expect(server.asked[3]).toMatchObject({
      body: '{"a":1}',
      headers: { 'idempotency-key': 'k1' },
    });
    await posts({ retry: true });
    expect(server.asked).toHaveLength(7);
    await outcome({ process: get(server.url) });
    expect(server.asked).toHaveLength(10);
    await outcome({
      process: async (_, ctx) => ok(await ctx.http.getText(server.url, { retry: false })),
    });
    // Nor by the item, which must not repeat what the call may not.
    expect(server.asked).toHaveLength(11);
  });

  it('of the item take over where the client has one', async () => {
    const server = await remote(({ times }, response) => {
      if (times < 3) response.writeHead(502).end();
      else response.end('1');
    });
    expect(await outcome({ http: { tries: 1 }, process: get(server.url) })).toMatchObject({
      status: 'ok',
    });
    expect(server.asked).toHaveLength(3);
  });

  it('give request the last answer, whatever it is', async () => {
    const server = await remote((_, response) => response.writeHead(500).end('why'));
    const process: HttpJob['process'] = async (_, ctx) => {
      const answer = await ctx.http.request(server.url);
      return ok([answer.status, answer.text()]);
    };
    expect(await outcome({ process })).toEqual({ status: 'ok', value: [500, 'why'] });
    expect(server.asked).toHaveLength(3);
  });
});

it('connections are kept alive over items, and bounded where they are told to be', async () => {
  let [open, most] = [0, 0];
  const server = await remote((_, response) => {
    open += 1;
    most = Math.max(most, open);
    setTimeout(() => {
      open -= 1;
      response.end('1');
    }, 5);
  });
  const rows = rowsOf(60);
  await outcomes({ rows, limits: { concurrency: 4 }, process: get(server.url) });
  expect(most).toBe(4);
  // One is free again a turn of the event loop after its answer: until then the next item takes another one.
  expect(server.connections).toBeLessThanOrEqual(8);
  const before = server.connections;
  most = 0;
  await outcomes({
    rows,
    http: { connections: 2 },
    limits: { concurrency: 8 },
    process: get(server.url),
  });
  expect(most).toBe(2);
  expect(server.connections - before).toBeLessThanOrEqual(2);
});

describe('under quotas', () => {
  it('every try takes a slot, and a 429 is told to all who share the quota', async () => {
    const at: number[] = [];
    const server = await remote(({ times, url }, response) => {
      at.push(Date.now());
      if (url === '/0' && times === 1) response.writeHead(429, { 'retry-after': '1' }).end();
      else if (times === 1) response.writeHead(502).end();
      else response.end('1');
    });
    const quotas = { api: { calls: 20, per: '1s', skew: '0ms', sendTime: '0ms' } };
    const rows = rowsOf(6);
    const job = { rows, quotas, limits: { concurrency: 2, itemTimeout: '10s' } };
    const all = await outcomes({ ...job, process: get(server.url) });
    expect(all.every(({ status }) => status === 'ok')).toBe(true);
    expect(server.asked).toHaveLength(12);
    // 75 ms from slot to slot: a second, and half of one for its grace, divided by 20.
    const gaps = at.slice(1).map((time, n) => time - (at[n] as number));
    expect(Math.max(...gaps)).toBeGreaterThan(800);
    expect((at.at(-1) as number) - (at[0] as number)).toBeGreaterThan(9 * 75);
  }, 30_000);

  it("a declared quota that is not the calls' own is left alone", async () => {
    const server = await remote((_, response) => response.end('1'));
    const quotas = { rare: { calls: 1, per: '30d' }, api: { calls: 1000, per: '1s' } };
    const limits = { callsPerItem: 0 };
    const rows = rowsOf(5);
    const job = { rows, quotas, limits, process: get(server.url) };
    const named = await outcomes({ ...job, http: { quota: 'api' } });
    expect(named.every(({ status }) => status === 'ok')).toBe(true);
    const none = await outcomes({ ...job, http: { quota: false } });
    expect(none.every(({ status }) => status === 'ok')).toBe(true);
  }, 30_000);

  it('a function that gives no quota for these options lets every call go', async () => {
    const server = await remote(({ times }, response) => {
      if (times === 1) response.writeHead(429, { 'retry-after': '0' });
      response.end('1');
    });
    const job = { rows: rowsOf(3), quotas: () => ({}) };
    const all = await outcomes({
      ...job,
      process: async (row: number, ctx) => {
        await ctx.quota().blocked(60_000);
        const mine = await ctx.quota().call(() => row);
        return ok([mine, await ctx.http.getJson(`${server.url}/${row}`)]);
      },
    });
    expect(all.map(({ value }) => value)).toEqual([0, 1, 2].map((row) => [row, 1]));
  });

  it('a quota that a call names and nobody declares is told by its name', async () => {
    const server = await remote((_, response) => response.end('1'));
    const process = async (_: number, ctx: JobContext) =>
      ok(await ctx.http.getJson(server.url, { quota: 'api' }));
    const message = "The job declares no quota 'api': add it to its quotas (declared: none).";
    for (const quotas of [undefined, () => ({})]) {
      const one = await outcome({ process, ...(quotas === undefined ? {} : { quotas }) });
      expect(one['error']).toMatchObject({ message });
    }
    expect(server.asked).toEqual([]);
  });
});

it('groups call remotes too: 409 of a row alone skips it, a server that is gone pauses the batch', async () => {
  let down = false;
  const server = await remote(({ url, socket }, response) => {
    if (down) socket.resetAndDestroy();
    else if (url === '/2') response.writeHead(409).end();
    else response.end(url.slice(1));
  });
  const step = inBatches<number, unknown>(2, async (rows, ctx) => {
    const list: Result<unknown>[] = [];
    for (const row of rows) list.push(ok(await ctx.http.getJson(`${server.url}/${row}`)));
    return list;
  });
  const http = { breaker: { failures: 2, of: 2, open: '20ms', maxOpen: '20ms', openings: 1 } };
  const world = httpWorld({ rows: rowsOf(4), http, steps: [step], limits: { concurrency: 1 } });
  await world.start();
  await runThrough(world);
  expect((await world.outcomes()).split('\n').map((line) => JSON.parse(line).status)).toEqual([
    'ok',
    'ok',
    'skipped',
    'ok',
  ]);
  down = true;
  const next = httpWorld({
    rows: rowsOf(4),
    http,
    steps: [step],
    limits: { concurrency: 1 },
    retry: { tries: 9 },
  });
  await next.start();
  await runThrough(next);
  expect(await next.batch()).toMatchObject({ stop: 'pause' });
  expect((await next.batch()).reason).toMatch(/^CIRCUIT_OPEN: /);
}, 30_000);

it('UnavailableError of a step pauses the batch, and blames no row', async () => {
  const world = httpWorld({
    rows: rowsOf(5),
    http: {},
    process: async (row: number) => {
      if (row < 2) return ok(row);
      throw new UnavailableError('The key expired.', { code: 'KEY_EXPIRED', retry: false });
    },
  });
  await world.start();
  await runThrough(world);
  expect(await world.batch()).toMatchObject({
    stop: 'pause',
    reason: 'KEY_EXPIRED: The key expired.',
  });
});
