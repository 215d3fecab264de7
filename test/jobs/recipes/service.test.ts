import { afterEach, describe, expect, it } from 'vitest';
import { serviceRecipe, stateOf } from '../../../lib/jobs/recipes/remote.ts';
import {
  type FakeService,
  type FakeServiceOptions,
  fateOf,
  recipeFor,
  startFakeService,
} from './fake-service.ts';

const address = new URL('https://recipes.example.org/1');

describe('what an answer of the service means', () => {
  it.each<[string, unknown, unknown]>([
    ['queued', { state: 'queued' }, { progress: ['queued', undefined] }],
    [
      'running',
      { state: 'running', progress: { percent: 3 } },
      { progress: ['running', { percent: 3 }] },
    ],
    ['done', { state: 'done', recipe: { name: 'x' } }, { done: { recipe: { name: 'x' } } }],
    [
      'a crash',
      { state: 'failed', error: { code: 'CRASHED', message: 'out of memory.', retryable: true } },
      {
        done: {
          failed: 'The service could not read the page: out of memory.',
          code: 'CRASHED',
          retryable: true,
        },
      },
    ],
    [
      'a failure that says nothing',
      { state: 'failed' },
      {
        done: {
          failed: 'The service could not read the page: SERVICE_FAILED.',
          code: 'SERVICE_FAILED',
          retryable: false,
        },
      },
    ],
    [
      '404',
      undefined,
      {
        done: {
          failed: 'The service knows nothing of the work any more.',
          code: 'SERVICE_LOST',
          retryable: true,
        },
      },
    ],
  ])('%s', (_, answer, meaning) => expect(stateOf(answer)).toEqual(meaning));

  it.each([null, 'x', [], {}, { state: 'new' }, { state: 'done' }, { state: 'done', recipe: 'x' }])(
    '%j is no answer',
    (answer) => {
      expect(() => stateOf(answer)).toThrow('The service answered GET /jobs/<id> with');
    },
  );

  it('its recipe comes out in the one form, whole or not at all', () => {
    const { name, ...nameless } = recipeFor(address.href);
    expect(serviceRecipe({ ...nameless, '@type': undefined, name }, address)).toMatchObject({
      title: name,
      url: address.href,
      instructions: [{ steps: ['Whisk.', 'Fry.'] }],
    });
    expect(() => serviceRecipe(nameless, address)).toThrow('has no name');
  });
});

describe('the fake service', () => {
  let service: FakeService;
  let minutes = 0;
  afterEach(() => service?.close());
  const start = async (options: FakeServiceOptions = {}) => {
    minutes = 0;
    service = await startFakeService({ now: () => minutes * 60_000, ...options });
  };
  const submit = async (url: string, key?: string) => {
    const response = await fetch(`${service.url}/jobs`, {
      method: 'POST',
      headers: key === undefined ? {} : { 'idempotency-key': key },
      body: JSON.stringify({ url }),
    });
    const { id } = (await response.json()) as { id: string };
    return { status: response.status, wait: response.headers.get('retry-after'), id };
  };
  const check = async (id: string) => {
    const ask = () => fetch(`${service.url}/jobs/${id}`);
    // A connection that was kept may be one that the crash has ended.
    const response = await ask().catch(ask);
    return response.status === 200
      ? ((await response.json()) as Record<string, unknown>)
      : response.status;
  };
  /** The first address with a fate. */
  const page = (fate: string, fates: FakeServiceOptions['fates']): string => {
    for (let at = 0; ; at++) {
      const url = `https://recipes.example.org/${at}`;
      if (fateOf(url, fates ?? {}) === fate) return url;
    }
  };

  it('takes 3 to 8 minutes, and says how far it is', async () => {
    await start();
    const ends = [];
    for (let at = 0; at < 15; at++) {
      const from = minutes;
      const { status, id } = await submit(`https://recipes.example.org/${at}`);
      expect(status).toBe(202);
      const seen = new Set<string>();
      for (; minutes < from + 9; minutes += 0.25) {
        const answer = (await check(id)) as Record<string, unknown>;
        if (answer['state'] === 'done') break;
        seen.add(JSON.stringify(answer['progress']));
      }
      expect(seen.size).toBeGreaterThan(10);
      ends.push(minutes - from);
    }
    expect(Math.min(...ends)).toBeGreaterThanOrEqual(3);
    expect(Math.max(...ends)).toBeLessThanOrEqual(8.25);
    expect(Math.max(...ends) - Math.min(...ends)).toBeGreaterThan(2);
  });

  it('knows a repeat by its key, and answers 429 with Retry-After when its slots are full', async () => {
    await start({ slots: 2 });
    const first = await submit('https://x.org/1', 'a');
    expect(await submit('https://x.org/1', 'a')).toMatchObject({ status: 200, id: first.id });
    expect((await submit('https://x.org/2', 'b')).status).toBe(202);
    const full = await submit('https://x.org/3', 'c');
    expect(full).toMatchObject({ status: 429, wait: '30' });
    minutes = 9;
    expect((await submit('https://x.org/3', 'c')).status).toBe(202);
    expect(service.stats()).toMatchObject({
      accepted: 3,
      repeats: 1,
      refused: 1,
      peak: 2,
      doubled: 0,
      open: 1,
    });
  });

  it('answers 409 for what it knows, crashes once or always, stalls, and finds nothing', async () => {
    const fates = { crash: 0.2, doomed: 0.2, stall: 0.2, known: 0.2, empty: 0.1 };
    await start({ fates });
    expect((await submit(page('known', fates))).status).toBe(409);
    const [crash, doomed, stall, empty] = await Promise.all(
      (['crash', 'doomed', 'stall', 'empty'] as const).map((fate) => submit(page(fate, fates))),
    );
    minutes = 8.5;
    expect(await check(crash?.id as string)).toMatchObject({
      state: 'failed',
      error: { retryable: true },
    });
    expect(await check(doomed?.id as string)).toMatchObject({
      state: 'failed',
      error: { retryable: true },
    });
    expect(await check(empty?.id as string)).toMatchObject({
      state: 'failed',
      error: { retryable: false },
    });
    expect(await check(stall?.id as string)).toMatchObject({
      state: 'running',
      progress: { percent: 50 },
    });
    const again = await submit(page('crash', fates), 'again');
    const dead = await submit(page('doomed', fates), 'again too');
    minutes = 20;
    expect(await check(again.id)).toMatchObject({
      state: 'done',
      recipe: recipeFor(page('crash', fates)),
    });
    expect(await check(dead.id)).toMatchObject({ state: 'failed' });
    expect(await check(stall?.id as string)).toMatchObject({
      state: 'running',
      progress: { percent: 50 },
    });
  });

  it('crashes as a whole: open work is failed, or forgotten', async () => {
    await start();
    const { id } = await submit('https://x.org/1');
    service.crash();
    expect(await check(id)).toMatchObject({
      state: 'failed',
      error: { code: 'CRASHED', retryable: true },
    });
    const next = await submit('https://x.org/2');
    service.crash(true);
    expect(await check(next.id)).toBe(404);
  });

  it('wants its token, a JSON body and an address', async () => {
    await start({ token: 'secret' });
    expect((await submit('https://x.org/1')).status).toBe(401);
    await service.close();
    await start();
    const post = (body: string) =>
      fetch(`${service.url}/jobs`, { method: 'POST', body }).then(({ status }) => status);
    expect(await Promise.all(['{', '{}', 'null', '{"url":"x"}'].map(post))).toEqual([
      400, 422, 422, 422,
    ]);
    expect((await fetch(`${service.url}/other`)).status).toBe(404);
  });
});
