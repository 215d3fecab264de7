import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobText, newPlace, type Running, rows } from '../cli/sluice.ts';

const place = newPlace();
const started: Running[] = [];
afterAll(async () => {
  for (const { child, ended } of started) {
    child.kill('SIGKILL');
    await ended;
  }
  place.remove();
});

interface Api {
  port: number;
  token: string;
  running: Running;
  call(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, body?: unknown): Promise<{ status: number; body: Answered; headers: Headers }>;
  get(path: string): Promise<Answered>;
}

interface Answered {
  batch: string;
  status: string;
  position: number | null;
  doneItems: number;
  counts: { ok: number; failed: number };
  fault: { code: string; message: string } | null;
  links: { self: string; report: string | null };
  error: { code: string; message: string; field?: string; batch?: string };
  batches: { batch: string; status: string }[];
  utilisation: number | null;
  round: number;
}

/** A server on a free port, with its home in `home`. */
async function serve(home: string, flags: string[] = []): Promise<Api> {
  const running = place.start(['serve', '--port', '0', '--home', home, '--json', ...flags]);
  started.push(running);
  let out = '';
  const line = await new Promise<string>((resolve, reject) => {
    running.child.stdout?.on('data', (text) => {
      out += String(text);
      if (out.includes('\n')) resolve(out);
    });
    void running.ended.then(({ err }) => reject(new Error(err)));
  });
  const { url, port } = JSON.parse(line) as { url: string; port: number };
  const token = new URL(url).searchParams.get('token') ?? '';
  const call = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      redirect: 'manual',
      ...init,
      headers: { authorization: `Bearer ${token}`, ...init.headers },
    });
  return {
    ...{ port, token, running, call },
    async post(path, body = {}) {
      const headers = { 'content-type': 'application/json' };
      const answer = await call(path, { method: 'POST', headers, body: JSON.stringify(body) });
      const json = (await answer.json()) as Answered;
      return { status: answer.status, body: json, headers: answer.headers };
    },
    get: async (path) => (await (await call(path)).json()) as Answered,
  };
}

/** The events of a stream as they come: their name, and what they say. */
async function* eventsOf(api: Api, path: string): AsyncGenerator<[string, Answered]> {
  const answer = await api.call(path);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
  ]);
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(piece, { stream: true });
    const whole = text.split('\n\n');
    text = whole.pop() ?? '';
    for (const event of whole) {
      const found = /^event: (\w+)\ndata: (.*)$/.exec(event);
      if (found !== null) yield [found[1] as string, JSON.parse(found[2] as string) as Answered];
    }
  }
}

/** Follows a batch by its events to the end. */
async function endOf(api: Api, id: string): Promise<{ last: Answered }> {
  for await (const [event, facts] of eventsOf(api, `/api/batches/${id}/events`)) {
    if (event === 'end') return { last: facts };
  }
  throw new Error(`The stream of ${id} ended without an end.`);
}

async function until(
  api: Api,
  id: string,
  wanted: (facts: Answered) => boolean,
): Promise<Answered> {
  for (;;) {
    const facts = await api.get(`/api/batches/${id}`);
    if (wanted(facts)) return facts;
    await new Promise((go) => setTimeout(go, 50));
  }
}

const ITEMS = 600;
/** A minute's work, until its gate is opened: then it is over at once. No test is a race with it. */
const GATED = `
import { existsSync } from 'node:fs';
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'gated',
  input: ndjson(),
  limits: { concurrency: 1, workers: 1, chunk: 5 },
  async process(row) {
    if (!existsSync(row.gate)) await new Promise((go) => setTimeout(go, 100));
    return ok(row.value);
  },
});
`;
/** Written once: a file that is written again is another input. */
function gated(home: string, name: string): object {
  const input = `${home}-${name}.jsonl`;
  const row = JSON.stringify({ gate: `${home}.go`, value: name });
  if (!existsSync(join(place.cwd, input))) place.write(input, `${row}\n`.repeat(ITEMS));
  return { job: './gated.ts', inputs: [input] };
}
const openGate = (home: string): string => place.write(`${home}.go`, '');

beforeAll(() => {
  place.write('gated.ts', GATED);
  place.write('quick.ts', jobText({ name: 'quick' }));
  const killer = jobText({ name: 'killer', limits: '{ chunk: 5 }' });
  place.write(
    'killer.ts',
    killer.replace('if (row.skip)', 'if (row.kill) process.exit(0);\n    if (row.skip)'),
  );
  place.write('loads.ts', 'process.exit(7);\n');
  place.write('few.jsonl', rows(20, { 3: { bad: 'no <b>good</b>' } }));
  place.write('kill.jsonl', rows(20, { 7: { kill: 1 } }));
});

// Side by side: they wait for processes most of their time.
describe.concurrent('sluice serve', { timeout: 120_000 }, () => {
  it('runs so many, lets so many wait in order, and refuses more; the same work is one batch', async () => {
    const api = await serve('order', ['--running', '1', '--waiting', '1']);
    const first = await api.post('/api/batches', gated('order', 'a'));
    expect([first.status, first.body.status]).toEqual([201, 'starting']);
    expect(first.headers.get('location')).toBe(first.body.links.self);
    const again = await api.post('/api/batches', gated('order', 'a'));
    expect([again.status, again.body.error.batch]).toEqual([409, first.body.batch]);
    const second = await api.post('/api/batches', gated('order', 'b'));
    expect([second.status, second.body.status, second.body.position]).toEqual([201, 'waiting', 0]);
    const third = await api.post('/api/batches', gated('order', 'c'));
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '5']);
    expect(third.body.error.message).toContain('1 batches run and 1 wait');
    // Full or not: what is there is told of.
    expect((await api.post('/api/batches', gated('order', 'b'))).status).toBe(409);

    const paused = await api.post(`/api/batches/${second.body.batch}/pause`);
    expect([paused.status, paused.body.status]).toEqual([202, 'paused']);
    const resumed = await api.post(`/api/batches/${second.body.batch}/resume`);
    expect([resumed.status, resumed.body.status]).toEqual([202, 'waiting']);
    // It ends at once, whoever runs before it.
    await api.post(`/api/batches/${second.body.batch}/cancel`);
    const { last } = await endOf(api, second.body.batch);
    expect([last.status, last.counts.ok]).toEqual(['cancelled', 0]);

    openGate('order');
    const { last: done } = await endOf(api, first.body.batch);
    expect([done.status, done.counts.ok]).toEqual(['done', ITEMS]);
    const page = await api.call(done.links.report as string);
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      'text/html; charset=utf-8',
    ]);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain(first.body.batch);
    const ended = await api.post('/api/batches', gated('order', 'a'));
    expect([ended.status, ended.body.error.batch]).toEqual([409, first.body.batch]);
  });

  it.runIf(process.env['SLUICE_FULL'])(
    'shows all live; a client that never reads harms nobody',
    async () => {
      const api = await serve('live');
      const silent = connect(api.port, '127.0.0.1');
      silent.on('error', () => undefined);
      silent.pause();
      silent.write(
        `GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:${api.port}\r\nAuthorization: Bearer ${api.token}\r\n\r\n`,
      );
      const { body } = await api.post('/api/batches', gated('live', 'a'));
      for await (const [event, status] of eventsOf(api, '/api/events')) {
        expect(event).toBe('status');
        if (status.utilisation === null || status.utilisation === 0) continue;
        expect(status).toMatchObject({
          running: 1,
          waiting: 0,
          limits: { running: 2, waiting: 16 },
        });
        expect(status.batches).toMatchObject([{ batch: body.batch, status: 'running' }]);
        break;
      }
      const watching = place.start(['watch', '--home', 'live', '--json', '--every', '100ms']);
      watching.child.stdout?.once('data', () => openGate('live'));
      const lines = await watching.ended;
      const all = JSON.parse(lines.out.split('\n')[0] as string) as Answered;
      expect(all).toMatchObject({ running: 1, batches: [{ batch: body.batch, slots: 1 }] });
      expect(lines.err).toContain('No batch runs any more.');
      silent.destroy();
      const page = await api.call('/');
      expect(page.headers.get('content-security-policy')).toMatch(/script-src 'sha256-[\w+/=]+'; /);
      expect(await page.text()).toContain('<title>Sluice</title>');
    },
  );

  it.runIf(process.env['SLUICE_FULL'])(
    'Ctrl-C saves all, kill -9 loses nothing that was committed, and the next start goes on in order',
    async () => {
      const flags = ['--running', '1'];
      const api = await serve('again', flags);
      const a = (await api.post('/api/batches', gated('again', 'a'))).body.batch;
      const b = (
        await api.post('/api/batches', { ...gated('again', 'b'), limits: { concurrency: 4 } })
      ).body.batch;
      await until(api, a, ({ doneItems }) => doneItems > 0);
      const other = await place.run(['serve', '--home', 'again', '--port', '0']);
      expect([other.code, other.err]).toEqual([1, expect.stringContaining('Another sluice serve')]);
      api.running.child.kill('SIGINT');
      const { code, err } = await api.running.ended;
      expect([code, err]).toEqual([130, expect.stringContaining('2 batches go on')]);
      const status = await place.run(['status', a, '--home', 'again', '--json']);
      const saved = JSON.parse(status.out) as Answered;
      expect(saved.status).toBe('interrupted');
      expect(saved.doneItems).toBeLessThan(ITEMS);
      // It is gone without a word: its processes save, and the next server follows them until they are.
      const next = await serve('again', flags);
      expect(await next.get(`/api/batches/${b}`)).toMatchObject({ status: 'waiting', position: 0 });
      await until(next, a, ({ doneItems }) => doneItems > saved.doneItems);
      next.running.child.kill('SIGKILL');
      await next.running.ended;
      openGate('again');
      const last = await serve('again', flags);
      expect((await endOf(last, a)).last).toMatchObject({ status: 'done', counts: { ok: ITEMS } });
      expect((await endOf(last, b)).last).toMatchObject({ status: 'done', counts: { ok: ITEMS } });
      expect((await place.run(['verify', a, '--home', 'again'])).code).toBe(0);
      last.running.child.kill('SIGINT');
      expect((await last.running.ended).code).toBe(0);
    },
  );

  it.runIf(process.env['SLUICE_FULL'])(
    'an item that ends its process fails alone, and the server stays; a retry is the next round',
    async () => {
      const api = await serve('killer');
      const { body } = await api.post('/api/batches', {
        job: './killer.ts',
        inputs: ['kill.jsonl'],
      });
      const { last } = await endOf(api, body.batch);
      expect(last).toMatchObject({ status: 'done', counts: { ok: 19, failed: 1 } });
      const few = await api.post('/api/batches', { job: './quick.ts', inputs: ['few.jsonl'] });
      expect((await endOf(api, few.body.batch)).last.counts).toMatchObject({ ok: 19, failed: 1 });
      const wrong = await api.post(`/api/batches/${few.body.batch}/retry`, { codes: ['NONE'] });
      expect([wrong.status, wrong.body.error.message]).toEqual([
        404,
        expect.stringContaining("has the code 'NONE'"),
      ]);
      const retry = await api.post(`/api/batches/${few.body.batch}/retry`, { codes: ['BAD_ROW'] });
      expect([retry.status, retry.body]).toMatchObject([202, { round: 1, items: 1 }]);
      expect((await endOf(api, few.body.batch)).last).toMatchObject({ round: 1, status: 'done' });
    },
  );

  it('refuses what is wrong, each with its reason, and goes on', async () => {
    const api = await serve('wrong');
    const headers = { 'content-type': 'application/json' };
    const raw = async (
      body: string | Uint8Array<ArrayBuffer>,
      more: Record<string, string> = headers,
    ) => {
      const answer = await api.call('/api/batches', { method: 'POST', headers: more, body });
      const { error } = (await answer.json()) as Answered;
      return [answer.status, error.field ?? error.message];
    };
    const good = JSON.stringify({ job: './quick.ts', inputs: ['few.jsonl'] });
    expect(await raw('{"job": ')).toEqual([400, expect.stringContaining('is not valid JSON: ')]);
    expect(await raw('[]')).toEqual([400, 'The body must be a JSON object.']);
    expect(await raw(new Uint8Array([0x22, 0xff, 0x22]))).toEqual([
      400,
      'The body is not valid UTF-8.',
    ]);
    expect(await raw(good, { 'content-type': 'text/plain' })).toEqual([415, expect.any(String)]);
    expect(await raw(new Uint8Array(10_000_000))).toEqual([413, expect.stringContaining('262144')]);
    expect(await raw('{"job":"odds","inputs":[]}')).toEqual([400, 'inputs']);
    for (const [body, message] of [
      [{ job: './none.ts', inputs: ['few.jsonl'] }, 'There is no job file ./none.ts.'],
      [{ job: 'nope', inputs: ['few.jsonl'] }, 'There is no job named nope.'],
      [{ job: './quick.ts', inputs: ['none.jsonl'] }, 'There is no file none.jsonl.'],
      [
        { job: './loads.ts', inputs: ['few.jsonl'] },
        'No batch was made: its process ended with code 7.',
      ],
      [
        { job: './quick.ts', inputs: ['few.jsonl'], options: { x: 1 } },
        "Job quick has no option 'x': it takes none.",
      ],
    ] as const) {
      expect(await raw(JSON.stringify(body))).toEqual([400, message]);
    }
    const code = async (path: string, init: RequestInit = {}): Promise<number> =>
      (await api.call(path, init)).status;
    expect(await code('/api/batches/none-aaaaaaaaaa')).toBe(404);
    expect(await code('/api/batches/%ff')).toBe(400);
    expect(await code('/api/batches?limit=0')).toBe(400);
    expect(await code('/nothing')).toBe(404);
    expect(await code('/api/status', { method: 'DELETE' })).toBe(405);
    expect(await code('/api/status', { headers: { authorization: 'Bearer wrong' } })).toBe(401);
    expect(await code('/api/status', { headers: { origin: 'http://evil.example' } })).toBe(403);
    // fetch sets Host itself.
    expect(await statusLine(api, 'evil.example')).toContain(' 403 ');
    expect(await statusLine(api, `localhost:${api.port}`)).toContain(' 200 ');
    const signIn = await fetch(`http://127.0.0.1:${api.port}/?token=${api.token}`, {
      redirect: 'manual',
    });
    const cookie = signIn.headers.get('set-cookie') ?? '';
    expect([signIn.status, signIn.headers.get('location')]).toEqual([303, '/']);
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Path=\/$/);
    const page = await fetch(`http://127.0.0.1:${api.port}/`, {
      headers: { cookie: cookie.split(';')[0] as string },
    });
    expect(page.status).toBe(200);
    const after = await api.post('/api/batches', JSON.parse(good));
    expect((await endOf(api, after.body.batch)).last.status).toBe('done');
    const port = await place.run(['serve', '--home', 'other', '--port', String(api.port)]);
    expect([port.code, port.err]).toEqual([1, expect.stringContaining('it is taken')]);
    const running = await place.run(['serve', '--home', 'other', '--running', '0']);
    expect([running.code, running.err]).toEqual([64, expect.stringContaining('--running must be')]);
  });
});

const statusLine = (api: Api, host: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1');
    socket.on('error', reject);
    socket.once('data', (piece) => {
      resolve(String(piece).split('\r\n')[0] as string);
      socket.destroy();
    });
    socket.write(
      `GET /api/status HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${api.token}\r\n\r\n`,
    );
  });
