import { describe, expect, it } from 'vitest';
import { newHttpHost } from '../../lib/app/http-host.ts';
import type { HttpSettings } from '../../lib/core/http.ts';
import { defineJob, type Job, type JobContext } from '../../lib/core/job.ts';
import { ok } from '../../lib/core/outcome.ts';
import { inBatches } from '../../lib/core/step.ts';
import { httpClient } from '../../lib/engine/http-client.ts';
import { ndjson } from '../../lib/io/ndjson.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { WireAnswer, WireRequest } from '../../lib/ports/http.ts';
import { quotaWorld } from '../support/quota-world.ts';

const MINUTE = 60_000;
const JSON_ANSWER = { status: 200, headers: {}, bytes: Buffer.from('1') };
const REFUSED = { status: 429, headers: {}, bytes: Buffer.from('') };

type Answering = (path: string, nowMs: number) => WireAnswer;

const host = (answer: Answering) => (clock: Clock) =>
  newHttpHost(async () => ({
    openWire: () => ({
      async send({ path }: WireRequest) {
        await clock.sleep(50);
        return answer(path, clock.monotonic());
      },
      close: async () => undefined,
    }),
    httpClient,
  }));

/** Six rows, a call each, at a remote in virtual time. */
function world(
  answer: Answering,
  { http = {}, group }: { http?: HttpSettings; group?: true } = {},
) {
  const get = async (row: number, ctx: Pick<JobContext, 'http'>) =>
    ok(await ctx.http.getJson(`https://api.example.org/${row}`));
  const work =
    group === undefined
      ? { process: get }
      : {
          steps: [
            inBatches<number, number>(3, async (rows, ctx) => {
              const list: ReturnType<typeof ok<number>>[] = [];
              for (const row of rows) list.push((await get(row, ctx)) as never);
              return list;
            }),
          ],
        };
  const job = defineJob({
    ...{ name: 'calls', input: ndjson() as never, http },
    limits: { chunk: 6, concurrency: 2, workers: 1, itemTimeout: '30s' },
    retry: { tries: 3, base: '10ms' },
    ...(work as { process: never }),
  }) as Job;
  return quotaWorld({ job, rows: [0, 1, 2, 3, 4, 5], processes: 1, http: host(answer) });
}

describe('an item that is refused (429) until no try is left', () => {
  it.each([undefined, true] as const)(
    'runs again later, and nothing fails that is answered within minutes (in a group: %j)',
    async (group) => {
      let calls = 0;
      let from: number | undefined;
      const remote = world(
        (_, now) => {
          calls += 1;
          from ??= now;
          return now - from < 5 * MINUTE ? REFUSED : JSON_ANSWER;
        },
        group === undefined ? {} : { group },
      );
      await remote.run(20 * MINUTE);
      expect(await remote.statuses()).toEqual({ ok: 6 });
      // Less and less: 1, 2, 4 s and so on to a minute, each time two rows (or a group) with three tries.
      expect(calls).toBeLessThan(100);
    },
  );

  it('fails alone where the others get answers, after 20 times', async () => {
    const remote = world((path) => (path === '/2' ? REFUSED : JSON_ANSWER));
    await remote.run(60 * MINUTE);
    expect(await remote.statuses()).toEqual({ ok: 5, failed: 1 });
    const [failed] = (await remote.outcomes()).filter(({ outcome }) => outcome.status === 'failed');
    expect(failed?.outcome).toMatchObject({
      index: 2,
      error: { code: 'TOO_MANY_REQUESTS', message: 'https://api.example.org/2 answered 429.' },
    });
  });

  it('pauses the batch where nobody gets any', async () => {
    const remote = world(() => REFUSED);
    await remote.run(60 * MINUTE);
    expect(await remote.batch()).toMatchObject({
      stop: 'pause',
      reason: expect.stringContaining('api.example.org refuses every call (429)'),
    });
    expect(await remote.statuses()).toEqual({});
  });

  it.each<HttpSettings>([{ whenDown: 'fail' }, { totalTimeout: '5s' }])(
    'fails at once with %j',
    async (http) => {
      const remote = world(() => REFUSED, { http });
      await remote.run(5 * MINUTE);
      expect(await remote.statuses()).toEqual({ failed: 6 });
    },
  );
});
