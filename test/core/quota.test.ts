import { describe, expect, it } from 'vitest';
import type { Job } from '../../lib/core/job.ts';
import { settingsOf } from '../../lib/core/options.ts';
import { jobQuotas } from '../../lib/core/quota.ts';
import { deployedSettings, shareWords, withQuotas } from '../../lib/core/quota-settings.ts';
import { inBatches } from '../../lib/core/step.ts';

const jobOf = (parts: object): Job => ({ name: 'j', ...parts }) as unknown as Job;
const minute = { calls: 100, per: '1m' };

describe('a declared quota', () => {
  it.each([
    [
      { api: { ...minute, calls: 0 } },
      'quotas.api.calls must be a whole number from 1 to 10000000; got 0.',
    ],
    [
      { api: { ...minute, calls: -5 } },
      'quotas.api.calls must be a whole number from 1 to 10000000; got -5.',
    ],
    [{ api: { ...minute, calls: 1.5 } }, 'got 1.5.'],
    [
      { api: { ...minute, per: 60 } },
      "quotas.api.per must be a duration with a unit, such as '250ms'",
    ],
    [{ api: { ...minute, per: '1 minute' } }, 'got "1 minute".'],
    [
      { api: { ...minute, per: '1ms' } },
      "quotas.api.per must be from 100 to 2678400000 ms; got '1ms'.",
    ],
    [{ api: { ...minute, also: [{ calls: 0, per: '1d' }] } }, 'quotas.api.also[0].calls must be'],
    [{ api: { ...minute, also: minute } }, 'quotas.api.also must be a list of at most 3 windows.'],
    [
      { api: { ...minute, also: [minute, minute, minute, minute] } },
      'quotas.api.also must be a list of at most 3 windows.',
    ],
    [{ api: { ...minute, skew: '1h' } }, 'quotas.api.skew must be from 0 to 10000 ms'],
    [{ API: minute }, "A quota's name must be lower-case letters"],
    [
      { api: { ...minute, key: 'siren' } },
      'quotas.api.key must be a function of the row; got string.',
    ],
    [
      Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`q${at}`, minute])),
      'has 11 quotas',
    ],
  ])('that is wrong is refused: %j', (quotas, message) => {
    expect(() => jobQuotas(jobOf({ quotas }), {})).toThrow(message);
  });

  it.each([
    [101, 'limits.callsPerItem is 101, but quota api allows 100 calls: no item could ever run.'],
    [-1, 'must be a whole number from 0 to 1000; got -1.'],
    [0.5, 'got 0.5.'],
    [{ other: 1 }, "names the quota 'other', which is not declared."],
  ])('refuses callsPerItem of %j', (callsPerItem, message) => {
    const job = jobOf({ quotas: { api: minute }, limits: { callsPerItem } });
    expect(() => jobQuotas(job, {})).toThrow(message);
  });

  it('refuses callsPerItem without a quota', () => {
    expect(() => jobQuotas(jobOf({ limits: { callsPerItem: 2 } }), {})).toThrow('has no quotas');
  });

  it('may depend on the options', () => {
    const quotas = ({ perMinute }: Record<string, unknown>) => ({
      api: { calls: perMinute as number, per: '1m' },
    });
    expect(jobQuotas(jobOf({ quotas }), { perMinute: 30 })[0]?.plan.spec).toBe('30/60000');
    expect(deployedSettings(jobOf({ quotas })).quota).toBeUndefined();
  });

  it('of a group takes no slot for each row', () => {
    const job = jobOf({ quotas: { api: minute }, steps: [inBatches(10, () => [])] });
    expect(jobQuotas(job, {})[0]?.plan.callsPerItem).toBe(0);
  });

  it('spaces slots by the strictest window, and counts the long ones', () => {
    const also = [
      { calls: 10, per: '1s' },
      { calls: 10_000, per: '1d' },
    ];
    const plan = jobQuotas(jobOf({ quotas: { api: { ...minute, also } } }), {})[0]?.plan;
    expect(plan).toMatchObject({ gapUs: 620_001, long: [{ calls: 10_000, ms: 86_400_000 }] });
    expect(plan?.share).toBeCloseTo(1 / 3);
  });
});

describe('what a quota means for a batch', () => {
  const limits = { concurrency: 4, workers: 10 };
  const settle = (quotas: object) => {
    const job = jobOf({ quotas, limits });
    return withQuotas(settingsOf(job), job, {});
  };

  it('no more workers than its slots keep busy, and an estimate that knows it', () => {
    const { workers, prefetch, quota } = settle({ api: { calls: 30, per: '1m' } });
    expect([workers, prefetch]).toEqual([4, 4]);
    expect(quota?.itemMs).toBeCloseTo(2_066.7, 1);
    expect(settle({ api: { calls: 1000, per: '1s' } }).workers).toBe(10);
    expect(settle({ api: { calls: 1, per: '1m', key: () => 'a' } }).workers).toBe(10);
    expect(settle({ api: { calls: 1, per: '10m' } }).workers).toBe(1);
  });

  it('the start says how much of a short window is usable', () => {
    expect(shareWords(settle({ api: minute }))).toBeUndefined();
    expect(shareWords(settle({ api: { calls: 5, per: '1s' } }))).toBe(
      'Quota api (5 calls in 1000 ms): 33 % of it is usable, since clocks differ and calls take time. A longer window, or a smaller skew or sendTime, leaves more.',
    );
  });

  it('a job without quotas is what it was', () => {
    const job = jobOf({ limits });
    expect(withQuotas(settingsOf(job), job, {})).toEqual(settingsOf(job));
  });
});
