import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/core/outcome.ts';
import { KEY, startFakeInsee } from '../jobs/companies/fake-insee.ts';
import { sirenAt } from '../jobs/companies/fake-register.ts';
import { mostInWindow } from '../support/rolling-window.ts';
import { newWorld, parseLines } from '../support/world.ts';

const FULL = process.env['SLUICE_FULL'] !== undefined;
const [CALLS, WINDOW_MS] = [20, 1_000];

/** Calls of all processes land in one file, each with its time on the machine's clock. */
const callingJob = (
  name: string,
  file: string,
  cpu: boolean,
): string => `import { defineJob, ndjson, ok } from 'sluice';
import { appendFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
export default defineJob({
  name: '${name}', cpu: ${cpu}, input: ndjson(), limits: { chunk: 5, workers: 2, concurrency: 2 },
  quotas: { shared: { calls: ${CALLS}, per: '${WINDOW_MS}ms', skew: '0ms', sendTime: '50ms' } },
  async process(_row, ctx) {
    await ctx.quota().call(() => {
      const at = performance.timeOrigin + performance.now();
      appendFileSync(${JSON.stringify(file)}, JSON.stringify({ at }) + '\\n');
    });
    return ok({ threadId });
  },
});
`;

const rows = (count: number): string => Array.from({ length: count }, (_, n) => `${n}\n`).join('');

const timesIn = (text: string): number[] => parseLines<{ at: number }>(text).map(({ at }) => at);

describe('a quota that processes of one home share', () => {
  it('holds over two batches at once, one of them in worker threads', async () => {
    const world = newWorld();
    const calls = world.path('calls.jsonl');
    world.write('plain.ts', callingJob('plain', calls, false));
    world.write('threads.ts', callingJob('threads', calls, true));
    world.write('input.jsonl', rows(25));
    const run = (job: string) => {
      const args = ['run', job, 'input.jsonl', '--quiet', '--parallel', 'on'];
      return world.start(args).done;
    };
    const ended = await Promise.all([run('plain.ts'), run('threads.ts')]);
    expect(ended.map(({ code, stderr }) => [code, code === 0 ? '' : stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const times = timesIn(readFileSync(calls, 'utf8'));
    expect(times).toHaveLength(50);
    expect(mostInWindow(times, WINDOW_MS)).toBeLessThanOrEqual(CALLS);
  }, 60_000);

  it('that is not declared fails the item and names those that are; a wrong one starts nothing', async () => {
    const world = newWorld();
    world.write('input.jsonl', rows(1));
    const job = callingJob('wrong', world.path('calls.jsonl'), false);
    world.write('job.ts', job.replace('ctx.quota()', "ctx.quota('other')"));
    expect((await world.cli(['run', 'job.ts', 'input.jsonl', '--quiet'])).code).toBe(2);
    const [outcome] = parseLines<Outcome>(world.outcomes());
    expect(outcome).toMatchObject({
      status: 'failed',
      error: {
        message: "The job declares no quota 'other': add it to its quotas (declared: shared).",
      },
    });
    world.write('zero.ts', job.replace(`calls: ${CALLS}`, 'calls: 0'));
    const refused = await world.cli(['run', 'zero.ts', 'input.jsonl', '--quiet']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('quotas.shared.calls must be a whole number from 1');
  }, 60_000);

  it.skipIf(!FULL)(
    'holds over four processes that are killed at random and resumed (SLUICE_FULL)',
    async () => {
      const world = newWorld();
      const calls = world.path('calls.jsonl');
      world.write('input.jsonl', rows(150));
      const names = ['a', 'b', 'c', 'd'];
      for (const name of names) world.write(`${name}.ts`, callingJob(name, calls, name === 'd'));
      const live = async (name: string): Promise<void> => {
        for (let life = 0; life < 40; life += 1) {
          const { child, done } = world.start(['run', `${name}.ts`, 'input.jsonl', '--quiet']);
          const killer =
            life < 4
              ? setTimeout(() => child.kill('SIGKILL'), 2_000 + Math.random() * 4_000)
              : undefined;
          const { code } = await done;
          clearTimeout(killer);
          if (code === 0) return;
        }
        throw new Error(`${name} did not end`);
      };
      await Promise.all(names.map(live));
      const times = timesIn(readFileSync(calls, 'utf8'));
      expect(times.length).toBeGreaterThanOrEqual(600);
      expect(mostInWindow(times, WINDOW_MS)).toBeLessThanOrEqual(CALLS);
    },
    300_000,
  );

  it.each(
    FULL
      ? [{ processes: 4, companies: 100, kills: 4 }]
      : [{ processes: 2, companies: 18, kills: 1 }],
  )(
    'holds at a strict register, $processes imports at once, each killed $kills times',
    async ({ processes, companies, kills }) => {
      const [calls, seconds] = [50, 2];
      const lists = Array.from({ length: processes }, (_, at) =>
        Array.from({ length: companies }, (__, n) => sirenAt(100 + at * companies + n)),
      );
      const callsOf = lists.map(() => 0);
      const onCall = (path: string, body: string): void => {
        const siren = /\d{9}/.exec(path + body)?.[0] ?? '';
        const at = lists.findIndex((list) => list.includes(siren));
        callsOf[at] = (callsOf[at] ?? 0) + 1;
      };
      const server = await startFakeInsee({ calls, windowMs: seconds * 1000, onCall });
      try {
        const world = newWorld();
        const env = { INSEE_API_KEY: KEY };
        const live = async (at: number): Promise<void> => {
          const file = `${at}.csv`;
          const own = lists[at] ?? [];
          world.write(file, `siren\n${own.join('\n')}\n`);
          const quota = [
            '--option',
            `quota=${calls}/${seconds}s`,
            '--option',
            `base=${server.url}`,
          ];
          const args = ['run', 'companies', file, '--quiet', ...quota];
          for (let life = 0; life <= kills; life += 1) {
            const { child, done } = world.start(args, { env });
            // After 5 to 12 calls of its own: three deaths at one item would rightly blame the item.
            const until = (callsOf[at] ?? 0) + 5 + Math.floor(Math.random() * 8);
            const watch = setInterval(() => {
              if (life < kills && (callsOf[at] ?? 0) >= until) child.kill('SIGKILL');
            }, 5);
            const { code, stderr } = await done;
            clearInterval(watch);
            if (code !== null) {
              expect(code, stderr).toBe(0);
              if (life >= kills) return;
            }
          }
          throw new Error(`${file} did not end`);
        };
        await Promise.all(Array.from({ length: processes }, (_, at) => live(at)));
        const { most, refused, calls: made } = server.stats();
        expect({ refused, tooMany: most > calls }).toEqual({ refused: 0, tooMany: false });
        expect(made).toBeGreaterThanOrEqual(processes * companies);
        expect(world.batches()).toHaveLength(processes);
        for (const batch of world.batches()) {
          expect(world.report(batch)).toMatchObject({ total: companies, failed: 0 });
        }
      } finally {
        await server.close();
      }
    },
    300_000,
  );
});
