import { afterEach, describe, expect, it } from 'vitest';
import { ok } from '../../lib/core/outcome.ts';
import { closeRemotes, type HttpJob, outcome, outcomes, remote } from '../support/http-world.ts';

afterEach(closeRemotes);

describe('a total time of the call itself', () => {
  it('cuts a try that hangs, though nothing else is said of the call', async () => {
    const server = await remote(() => undefined);
    const process: HttpJob['process'] = async (_, ctx) =>
      ok(await ctx.http.getJson(server.url, { totalTimeout: '300ms' }));
    expect(await outcome({ process, retry: { tries: 1 }, limits: { itemTimeout: '20s' } })).toEqual(
      {
        status: 'failed',
        error: expect.objectContaining({ message: expect.stringContaining('300 ms') }),
      },
    );
    expect(server.asked).toHaveLength(1);
  });

  it('is over where the remote wants to be left alone for longer: the item fails, and does not come back', async () => {
    const server = await remote((_, response) => {
      response.writeHead(429, { 'retry-after': '60' }).end();
    });
    const process: HttpJob['process'] = async (_, ctx) =>
      ok(await ctx.http.getJson(server.url, { totalTimeout: '4s' }));
    const one = await outcome({ process, limits: { itemTimeout: '20s' } });
    expect(one).toMatchObject({ status: 'failed', error: { code: 'TOO_MANY_REQUESTS' } });
    expect(server.asked).toHaveLength(1);
  });
});

describe('a quota', () => {
  const quotas = { rare: { calls: 1, per: '10m' } };

  it('is asked for every call of an item, not for its first alone', async () => {
    const server = await remote((_, response) => response.end('1'));
    const process: HttpJob['process'] = async (_, ctx) =>
      ok([await ctx.http.getJson(server.url), await ctx.http.getJson(server.url)]);
    const job = { process, quotas, limits: { callsPerItem: 0 }, retry: { tries: 1 } };
    const one = await outcome(job);
    expect(one).toMatchObject({ status: 'failed', error: { code: 'QUOTA_WAIT' } });
    expect(server.asked).toHaveLength(1);
  });

  it('is not asked for calls that go without one, also where they wait for a connection', async () => {
    const server = await remote((_, response) => response.end('1'));
    const process: HttpJob['process'] = async (_, ctx) =>
      ok(await ctx.http.getJson(server.url, { quota: false }));
    const job = { rows: [0, 1, 2], process, quotas, limits: { callsPerItem: 0 } };
    const all = await outcomes({ ...job, http: { connections: 1 } });
    expect(all).toEqual([0, 1, 2].map(() => ({ status: 'ok', value: 1 })));
  });
});
