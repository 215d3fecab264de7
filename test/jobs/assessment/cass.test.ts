import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type CassCall, cassUrl, fetchAssertions } from '../../../lib/jobs/assessment/cass.ts';
import { getBytes, getJson } from '../../../lib/jobs/assessment/http.ts';
import { assessmentJob } from '../../../lib/jobs/assessment/job.ts';
import { optionsSchema } from '../../../lib/jobs/assessment/options.ts';
import { frameworkOf, readFramework } from '../../../lib/jobs/assessment/read-framework.ts';
import { jobContext } from '../../support/job-context.ts';
import { type Answer, type FakeCass, type FakeCassOptions, startFakeCass } from './fake-cass.ts';

const BASE = 'https://cass.example.org/api';
const ANN = `${BASE}/data/schema.org.Person/ann`;
const KEY = '-----BEGIN PUBLIC KEY-----MIIBIj/+"AQAB\\-----END PUBLIC KEY-----';
const assertion = (id: string, more: object = {}) => ({
  '@type': 'Assertion',
  '@id': id,
  subject: ANN as unknown,
  competency: 'add',
  assertionDate: 1_675_901_084_853,
  ...more,
});

let server: FakeCass | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  await server?.close();
  server = undefined;
});

async function serve(options: Partial<FakeCassOptions>): Promise<FakeCass> {
  server = await startFakeCass({ assertions: [], ...options });
  return server;
}

interface Asked {
  agent?: string;
  timeoutMs?: number;
  call?: Partial<CassCall>;
}

async function ask(
  options: Partial<FakeCassOptions>,
  { agent = ANN, timeoutMs = 5_000, call = {} }: Asked = {},
) {
  const { url } = await serve(options);
  const signal = new AbortController().signal;
  const knows = (name: string): boolean => ['add', 'sub'].includes(name);
  const whole = { signal, token: undefined, knows, ...call };
  try {
    return await fetchAssertions({ url, timeoutMs }, agent, whole);
  } catch (error) {
    return shown(error, url);
  }
}

function shown(error: unknown, url: string) {
  const { kind, code, message, retryAfterMs } = error as Record<string, unknown>;
  return { kind, code, message: String(message).replaceAll(url, '<url>'), retryAfterMs };
}

describe('the assertions about an agent', () => {
  it('are those of the subject, in the form of records, for the framework’s competencies', async () => {
    const assertions = [
      assertion('a1', { confidence: 0.9, level: 'expert', evidence: ['seen'], decayFunction: 'x' }),
      assertion('a2', { competency: 'sub/1675901084853', negative: 'true', confidence: '0.5' }),
      assertion('a3', { assertionDate: '1675901084853', expirationDate: '1700000000000' }),
      assertion('a4', { competency: 'of-another-framework' }),
      assertion('a6', { competency: `${BASE}/data/Competency/ce-sub/1675901084853` }),
      assertion('a5', { subject: `${ANN}a` }),
    ];
    const date = 1_675_901_084_853;
    expect(await ask({ assertions })).toEqual([
      { id: 'a1', competency: 'add', level: 'expert', confidence: 0.9, assertionDate: date },
      { id: 'a2', competency: 'sub', negative: true, confidence: 0.5, assertionDate: date },
      { id: 'a3', competency: 'add', assertionDate: date, expirationDate: 1_700_000_000_000 },
      { id: 'a6', competency: 'sub', assertionDate: date },
    ]);
  });

  it('are asked for by one search that quotes what is in the id', async () => {
    const asked: string[] = [];
    const found = await ask(
      {
        assertions: [assertion('a1', { subject: KEY })],
        fault(url) {
          asked.push(`${url.pathname} ${url.searchParams.get('q')}`);
          return undefined;
        },
      },
      { agent: KEY },
    );
    expect(found).toHaveLength(1);
    const quoted = KEY.replace('"', '\\"').replace('\\-', '\\\\-');
    expect(asked).toEqual([`/api/data/ @type:Assertion AND subject:"${quoted}"`]);
  });

  it('are none for a person without any, and for a key; a person whom nobody knows fails', async () => {
    expect(await ask({ persons: [ANN] })).toEqual([]);
    expect(await ask({}, { agent: KEY })).toEqual([]);
    expect(await ask({ persons: ['bob'] })).toMatchObject({
      kind: 'permanent',
      code: 'UNKNOWN_AGENT',
      message: `<url> knows no assertion about "${ANN}", and answered 404 for /data/schema.org.Person/ann.`,
    });
  });

  it('of others that the search found too are not the agent’s', async () => {
    const others = JSON.stringify([assertion('b', { subject: 'bob' }), null, 7]);
    const fault = ({ pathname }: URL): Answer | undefined =>
      pathname === '/api/data/' ? { status: 200, body: others } : undefined;
    expect(await ask({ fault, persons: [ANN] })).toEqual([]);
    expect(await ask({ fault })).toMatchObject({ code: 'UNKNOWN_AGENT' });
  });

  it.each([
    ['encrypted', [assertion('a1', { negative: { payload: 'x' } })], 'ENCRYPTED', /"a1": negative/],
    ['10,000', Array(10_000).fill(assertion('a')), 'TOO_MANY_ASSERTIONS', /10000 assertions/],
  ])('%s: refused', async (_name, assertions, code, message) => {
    const failed = await ask({ assertions });
    expect(failed).toMatchObject({
      kind: 'permanent',
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe('an answer that is none', () => {
  const body = '[]';
  it.each<[string, Answer, object]>([
    ['404', { status: 404 }, { kind: 'permanent', code: 'NOT_FOUND', message: /no CaSS API/ }],
    [
      '403',
      { status: 403 },
      { kind: 'permanent', code: 'HTTP_403', message: /data\/ answered 403/ },
    ],
    ['204', { status: 204 }, { kind: 'permanent', code: 'HTTP_204', message: /answered 204/ }],
    [
      'a page',
      { status: 200, body: '<html>login</html>' },
      { kind: 'permanent', code: 'BAD_RESPONSE', message: /no JSON: "<html>login<\/html>"/ },
    ],
    [
      'no list',
      { status: 200, body: '{"error":1}' },
      {
        kind: 'permanent',
        code: 'BAD_RESPONSE',
        message: /must answer with a list; got {"error":1}/,
      },
    ],
    [
      'a redirect',
      { status: 302, headers: { location: 'http://evil.example/' } },
      {
        kind: 'permanent',
        code: 'REDIRECT',
        message: /to "http:\/\/evil\.example\/"; give the final/,
      },
    ],
    [
      '500',
      { status: 500 },
      { kind: 'retryable', code: 'SERVER_ERROR', message: /answered 500\./ },
    ],
    [
      '408',
      { status: 408 },
      { kind: 'retryable', code: 'SERVER_ERROR', message: /answered 408\./ },
    ],
    [
      '429 with seconds',
      { status: 429, headers: { 'retry-after': '7' } },
      { kind: 'retryable', code: 'TOO_MANY_REQUESTS', retryAfterMs: 7000, message: /in 7 s/ },
    ],
    [
      '503 with a date, by the answer’s own clock',
      {
        status: 503,
        headers: {
          date: 'Wed, 21 Oct 2015 07:28:00 GMT',
          'retry-after': 'Wed, 21 Oct 2015 07:28:30 GMT',
        },
      },
      { kind: 'retryable', code: 'SERVER_ERROR', retryAfterMs: 30_000, message: /in 30 s/ },
    ],
    [
      '429 with nonsense',
      { status: 429, headers: { 'retry-after': 'soon' } },
      { kind: 'retryable', retryAfterMs: undefined, message: /answered 429\./ },
    ],
    [
      'cut',
      { status: 200, body, cut: true },
      { kind: 'retryable', code: 'NETWORK', message: /did not answer: / },
    ],
  ])('%s', async (_name, answer, { message, ...expected }: { message?: RegExp }) => {
    const failed = await ask({ fault: () => answer });
    expect(failed).toMatchObject({ ...expected, message: expect.stringMatching(message ?? /./) });
  });

  it('comes too late: another try, and the connection is let go', async () => {
    const failed = await ask({ fault: () => ({ status: 200, silent: true }) }, { timeoutMs: 50 });
    expect(failed).toMatchObject({ kind: 'retryable', code: 'TIMEOUT' });
    expect(failed).toHaveProperty('message', '<url>/data/ did not answer within 50 ms.');
    await vi.waitFor(() => expect(server?.stats().open).toBe(0));
  });

  it('is waited for no longer than the item lives', async () => {
    const controller = new AbortController();
    const reason = Object.assign(new Error('over'), { kind: 'timeout', code: 'ITEM_TIMEOUT' });
    const asked = ask(
      {
        fault() {
          controller.abort(reason);
          return { status: 200, silent: true };
        },
      },
      { call: { signal: controller.signal } },
    );
    expect(await asked).toMatchObject({ kind: 'timeout', code: 'ITEM_TIMEOUT', message: 'over' });
    const already = { signal: AbortSignal.abort(reason) };
    expect(await ask({}, { call: already })).toMatchObject({ code: 'ITEM_TIMEOUT' });
    expect(server?.stats().calls).toBe(0);
  });

  it('from nobody: another try, with the reason', async () => {
    const { url } = await serve({});
    await server?.close();
    server = undefined;
    const failed = getJson({ url: new URL(url), timeoutMs: 5_000, maxBytes: 10 });
    await expect(failed).rejects.toMatchObject({
      kind: 'retryable',
      code: 'NETWORK',
      message: `${url} did not answer: ECONNREFUSED.`,
    });
  });

  it('is too large, also when it was small on the wire', async () => {
    const answers = [
      { status: 200, body: 'x'.repeat(1001) },
      {
        status: 200,
        body: gzipSync('x'.repeat(1_000_000)),
        headers: { 'content-encoding': 'gzip' },
      },
      { status: 200, body: 'x'.repeat(1000) },
    ];
    const { url } = await serve({ fault: (_url, times) => answers[times - 1] });
    const request = { url: new URL(url), timeoutMs: 5_000, maxBytes: 1000 };
    const tooLarge = {
      code: 'RESPONSE_TOO_LARGE',
      message: `${url} answered with more than 1000 bytes.`,
    };
    await expect(getBytes(request)).rejects.toMatchObject(tooLarge);
    await expect(getBytes(request)).rejects.toMatchObject(tooLarge);
    expect(await getBytes(request)).toHaveLength(1000);
  });
});

it('a token goes to its server and, behind a redirect, to nobody', async () => {
  const seen: unknown[] = [];
  const other = await startFakeCass({
    assertions: [],
    fault(_url, _times, { authorization }) {
      seen.push(['other', authorization]);
      return undefined;
    },
  });
  const fault: FakeCassOptions['fault'] = (_url, _times, { authorization }) => {
    seen.push(authorization);
    return { status: 307, headers: { location: other.url } };
  };
  expect(await ask({ fault }, { call: { token: 'T' } })).toMatchObject({ code: 'REDIRECT' });
  await other.close();
  expect(seen).toEqual(['Bearer T']);
});

describe('a job file with a server', () => {
  const framework = { competencies: ['add'] };
  const jobOf = (cass: { url: string; token?: string; timeout?: string }) =>
    assessmentJob({ framework, cass });

  async function outcomeOf(job: ReturnType<typeof assessmentJob>, record: unknown) {
    const checked = await job.input.schema?.['~standard'].validate(record);
    if (checked === undefined || checked.issues) throw new Error('the record does not fit');
    const options = await job.options?.['~standard'].validate({ details: 'none' });
    if (options === undefined || options.issues) throw new Error('the options do not fit');
    const own = { secret: (name: string) => `value of ${name}`, now: Date.now() };
    return job.process?.(checked.value, jobContext(options.value, own));
  }

  it('fetches what a record does not bring, with its token, which it names as a secret', async () => {
    const seen: unknown[] = [];
    const { url } = await serve({
      assertions: [assertion('a1')],
      fault(_url, _times, { authorization }) {
        seen.push(authorization);
        return undefined;
      },
    });
    const job = jobOf({ url, token: 'CASS_TOKEN', timeout: '5s' });
    expect(job.secrets).toEqual(['CASS_TOKEN']);
    const held = { status: 'ok', value: { held: 1, notHeld: 0, indeterminate: 0, unknown: 0 } };
    expect(await outcomeOf(job, ANN)).toEqual(held);
    expect(await outcomeOf(job, { agent: ANN })).toEqual(held);
    expect(seen).toEqual(['Bearer value of CASS_TOKEN', 'Bearer value of CASS_TOKEN']);
    const none = { status: 'skipped', reason: 'nothing to assess' };
    expect(await outcomeOf(job, { agent: ANN, assertions: [] })).toEqual(none);
    expect(seen).toHaveLength(2);
  });

  it('is refused when it loads, with the reason', () => {
    expect(() => jobOf({ url: 'file:///x' })).toThrow('beginning with http:// or https://');
    expect(() => jobOf({ url: 'http://x/api', timeout: '5' })).toThrow(
      /timeout must be .* got "5"/,
    );
  });

  it('without one a record has to bring its assertions', async () => {
    const done = outcomeOf(assessmentJob({ framework }), ANN);
    await expect(done).rejects.toMatchObject({ kind: 'permanent', code: 'NO_ASSERTIONS' });
  });
});

describe('options', () => {
  const optionsOf = async (given: object) => {
    const checked = await optionsSchema['~standard'].validate(given);
    if (checked.issues === undefined) return checked.value;
    return checked.issues.map(({ path, message }) => `${path?.join('.')}: ${message}`);
  };
  const FRAMEWORK = '{"competencies":["add"]}';

  it.each([
    ['ftp://x/api', 'beginning with http:// or https://; got "ftp://x/api"'],
    ['file:///etc/passwd', 'beginning with http:// or https://'],
    [
      'cass.example.org',
      'such as https://cass.example.org/api, beginning with http:// or https://',
    ],
    ['https://me:secret@x/api', 'without a user name or password'],
    ['https://x/api?key=1', 'must end before any ? or #'],
  ])('cass=%s is refused', async (cass, message) => {
    const [said] = (await optionsOf({ framework: 'x.json', cass })) as string[];
    expect(said).toContain(`cass: `);
    expect(said).toContain(message);
    expect(said).not.toContain('secret');
  });

  it.each([
    ['results.db', 'the URL of a sink must begin with sqlite: or postgres://; got none.'],
    ['mysql://x/y', 'must begin with sqlite: or postgres://; got mysql:.'],
    ['sqlite:', 'names no file'],
    ['postgres://me:secret@x/y', 'must hold no password'],
  ])('sink=%s is refused', async (sink, message) => {
    const [said] = (await optionsOf({ framework: 'x.json', sink })) as string[];
    expect(said).toMatch(/^sink: /);
    expect(said).toContain(message);
    expect(said).not.toContain('secret');
  });

  it.each([
    ['sqlite:results.db', `sqlite:${process.cwd()}/results.db`],
    ['sqlite:///tmp/results.db', 'sqlite:/tmp/results.db'],
    ['postgres://me@db:5432/x', 'postgres://me@db:5432/x'],
  ])('sink=%s is kept as %s', async (sink, kept) => {
    const { url } = await serve({ fault: () => ({ status: 200, body: FRAMEWORK }) });
    expect(await optionsOf({ framework: url, sink })).toMatchObject({ sink: kept });
  });

  it.each(['0s', '5', 'soon', '871s', '-1s', ''])('timeout=%j is refused', async (timeout) => {
    const [said] = (await optionsOf({ framework: 'x.json', timeout })) as string[];
    expect(said).toContain(
      `must be the time of one call, from 1ms to 870s, such as '10s'; got "${timeout}"`,
    );
  });

  it('take slashes off the end of the base', () => {
    expect(cassUrl('HTTPS://Cass.example.org:443/api//')).toBe('https://cass.example.org/api');
  });

  it('fetch a framework, keep its digest, and notice that it changed', async () => {
    let body = FRAMEWORK;
    const { url } = await serve({ fault: () => ({ status: 200, body }) });
    const from = `${url}/ims/case/v1p0/CFPackages/1?x=y`;
    const options = await optionsOf({ framework: from, timeout: '2.5s', cass: `${url}/` });
    const digest = createHash('sha256').update(FRAMEWORK).digest('hex');
    expect(options).toMatchObject({
      framework: { from, digest },
      timeoutMs: 2500,
      cass: { url, timeoutMs: 2500 },
    });
    body = '{"competencies":["sub"]}';
    const fetching = { timeoutMs: 5_000 };
    // Still in memory; another framework takes its place there.
    expect((await frameworkOf({ from, digest }, fetching)).ids).toEqual(['add']);
    await readFramework(from, fetching);
    await expect(frameworkOf({ from, digest }, fetching)).rejects.toThrow(
      /SHA-256 was .* Put it back/,
    );
  });

  it('say why a framework cannot be fetched', async () => {
    const { url } = await serve({});
    expect(await optionsOf({ framework: `${url}/none` })).toEqual([
      `framework: framework ${url}/none is not there: the server answered 404.`,
    ]);
    expect(await optionsOf({ framework: 'ftp://x/f.json' })).toEqual([
      'framework: must be the path or the URL of a framework, beginning with http:// or https://; got "ftp://x/f.json".',
    ]);
  });
});
