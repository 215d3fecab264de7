import { afterEach, describe, expect, it, vi } from 'vitest';
import job, { recipesJob } from '../../../lib/jobs/recipes/job.ts';

const check = async (of: typeof job, given: Record<string, string>) => {
  const result = await of.options?.['~standard'].validate(given);
  if (result?.issues === undefined) return result?.value;
  return result.issues
    .map(({ path, message }) => `${path?.join('.') ?? ''}: ${message}`)
    .join('; ');
};

describe('in the cloud', () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each(['pages', 'service', 'allow', 'sink'])(
    'whoever uploads may not choose %s',
    async (name) => {
      vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'worker');
      expect(await check(job, { [name]: '.' })).toContain(
        `${name}: in the cloud it is part of the job`,
      );
    },
  );

  it('what is left may be chosen', async () => {
    vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'worker');
    expect(await check(job, { rate: '30', stall: '1h' })).toEqual({ rate: 30, stall: '1h' });
    expect(await check(job, {})).toEqual({ rate: 60, stall: '15m' });
  });
});

describe('a job file of your own', () => {
  it('takes the two options, and has the rest inside', async () => {
    const mine = recipesJob({
      name: 'mine',
      service: { url: 'https://x.org/v1/', token: 'TOKEN' },
    });
    expect(await check(mine, { rate: '30' })).toEqual({ rate: 30, stall: '15m' });
    expect(await check(mine, { sink: 'sqlite:x.db' })).toContain(
      'the recipes job has no option sink: it has rate and stall',
    );
    expect(mine.secrets).toEqual(['TOKEN']);
    const http =
      typeof mine.http === 'function' ? mine.http({ rate: 30, stall: '15m' }) : mine.http;
    expect(http).toMatchObject({ baseUrl: 'https://x.org/v1' });
  });

  it('opens its guard only to the hosts that it names', () => {
    const httpOf = (mine: typeof job) =>
      typeof mine.http === 'function' ? mine.http({ rate: 30, stall: '15m' }) : mine.http;
    expect(httpOf(recipesJob())).toMatchObject({ guard: true });
    expect(httpOf(recipesJob())).not.toHaveProperty('allowHosts');
    expect(httpOf(recipesJob({ allowHosts: ['a.local'] }))).toMatchObject({
      guard: true,
      allowHosts: ['a.local'],
    });
  });

  it.each(['x', 'ftp://x.org', 'https://x.org?a', 'https://user:pw@x.org'])(
    'refuses the service %s',
    (url) => {
      expect(() => recipesJob({ service: { url } })).toThrow(/must (be the base|hold no user)/);
    },
  );
});
