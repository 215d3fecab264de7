import { expect, test } from 'vitest';
import { systemClock } from '../../lib/adapters/local/clock.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import type { Job } from '../../lib/core/job.ts';
import { jobQuotas, type QuotaDefinition, type QuotaPlan } from '../../lib/core/quota.ts';
import { newQuotaLeases } from '../../lib/engine/quota-leases.ts';
import type { CheckpointStore } from '../../lib/ports/checkpoint-store.ts';
import type { Quotas } from '../../lib/ports/quotas.ts';

let quotas = 0;
const planOf = (definition: QuotaDefinition): QuotaPlan => {
  quotas += 1;
  const name = `q${process.pid}-${quotas}`;
  const job = { name: 'j', quotas: { [name]: definition } } as unknown as Job;
  return jobQuotas(job, {})[0]?.plan as QuotaPlan;
};

/** Quotas on one store, as several processes lease from them. */
export function testQuotas(store: () => CheckpointStore): void {
  const service = (of = store()): Quotas =>
    newQuotaLeases({ store: of, clock: systemClock(), log: memoryLogger(), random: Math.random });
  const lease = async (from: Quotas, plan: QuotaPlan, key = ''): Promise<number[]> => {
    const answer = await from.lease({ plan, key, calls: 1, withinMs: 600_000 });
    if ('freeAt' in answer) throw new Error('no slot within ten minutes');
    return answer.slots;
  };
  /** `each` slots for each of six processes at once, in order of time. */
  const race = async (plan: QuotaPlan, each: number): Promise<number[]> => {
    const all = Array.from({ length: 6 }, async () => {
      const mine = service();
      const slots: number[] = [];
      for (let at = 0; at < each; at += 1) slots.push(...(await lease(mine, plan)));
      return slots;
    });
    return (await Promise.all(all)).flat().sort((a, b) => a - b);
  };

  test('slots of six processes that race lie apart, spaced and never twice', async () => {
    const plan = planOf({ calls: 600, per: '1m' });
    const slots = await race(plan, 10);
    expect(slots).toHaveLength(60);
    const gaps = slots.slice(1).map((slot, at) => slot - (slots[at] as number));
    // In milliseconds, fractions are cut to about a quarter of a microsecond.
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(plan.gapUs / 1000 - 0.001);
  });

  test('of a long window no more slots are free than it has, for all of them together', async () => {
    const plan = planOf({ calls: 20, per: '1d' });
    expect(await race(plan, 3)).toHaveLength(18);
    const last = service();
    await lease(last, plan);
    await lease(last, plan);
    const answer = await last.lease({ plan, key: '', calls: 1, withinMs: 600_000 });
    expect(answer).toHaveProperty('freeAt');
  });

  test('keys are apart; a key may be any text', async () => {
    const plan = planOf({ calls: 1, per: '1h', key: () => '' });
    const mine = service();
    for (const key of ['a', 'b', '', 'é/\u{1f600}', 'x'.repeat(5_000)]) {
      expect(await lease(mine, plan, key)).toHaveLength(1);
    }
    const again = await mine.lease({ plan, key: 'a', calls: 1, withinMs: 1_000 });
    expect(again).toHaveProperty('freeAt');
  });

  test('what one process is told to leave alone, all leave alone', async () => {
    const plan = planOf({ calls: 6000, per: '1m' });
    const [told, other] = [service(), service()];
    await lease(told, plan);
    await lease(other, plan);
    const now = Date.now();
    await told.blocked({ plan, key: '' }, 300_000);
    for (const one of [told, service()]) {
      const [slot] = await lease(one, plan);
      expect(slot).toBeGreaterThanOrEqual(now + 300_000);
    }
    // It may have leased a block before it could know: those are thrown away with its next look at the record.
    for (let at = 0; at < 60; at += 1) await lease(other, plan);
    expect((await lease(other, plan))[0]).toBeGreaterThanOrEqual(now + 300_000);
  });

  test('an answer that is lost costs slots, and doubles none', async () => {
    const plan = planOf({ calls: 600, per: '1m' });
    let lost = 0;
    const losing: CheckpointStore = {
      ...store(),
      async change(key, change) {
        const answer = await store().change(key, change);
        lost += 1;
        if (lost % 3 !== 0) return answer;
        const again = await store().change(key, change);
        return { ...again, retried: true };
      },
    };
    const mine = service(losing);
    const slots: number[] = [];
    for (let at = 0; at < 20; at += 1) slots.push(...(await lease(mine, plan)));
    slots.push(...(await race(plan, 2)));
    const sorted = slots.sort((a, b) => a - b);
    const gaps = sorted.slice(1).map((slot, at) => slot - (sorted[at] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(plan.gapUs / 1000 - 0.001);
  });
}
