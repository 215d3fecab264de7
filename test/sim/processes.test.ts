import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/core/rng.ts';
import { newWorld, type World } from '../support/world.ts';

/** Rounds of four processes each: 3 in the long run, more by SLUICE_ROUNDS. */
const ROUNDS = Number(process.env['SLUICE_ROUNDS'] ?? (process.env['SLUICE_FULL'] ? 3 : 0));
const PROCESSES = 4;
const ITEMS = 400;
/** Longer than a lease of 30 s: whoever wakes after this was given up by the others. */
const ZOMBIE_MS = 36_000;
/** A turn is 0.6 to 1.8 s: three minutes in all. */
const MAX_TURNS = 150;

/** Each item takes a while, and a few end badly; the clock of a process may be wrong by SIM_OFFSET_MS. */
const JOB = `import { defineJob, ndjson, ok, PermanentError, skip } from 'sluice';
const offset = Number(process.env.SIM_OFFSET_MS ?? 0);
const now = Date.now.bind(Date);
Date.now = () => now() + offset;
export default defineJob({
  name: 'seen', input: ndjson(), key: (row: any) => row.id,
  limits: { chunk: 8, workers: 3, concurrency: 2 },
  async process(row: any, ctx: any) {
    await new Promise((go) => setTimeout(go, 30 + (row.n % 7) * 10));
    if (row.n % 11 === 3) throw new PermanentError('no ' + row.n);
    return row.n % 13 === 5 ? skip('nothing to do') : ok({ n: row.n * 2, draw: ctx.rng() });
  },
});
`;
const RUN = ['run', 'job.ts', 'input.jsonl', '--json', '--now', '2026-01-01T00:00:00Z'];

function place(): World {
  const world = newWorld();
  world.write('job.ts', JOB);
  const rows = Array.from({ length: ITEMS }, (_, n) => JSON.stringify({ id: `k${n}`, n }));
  world.write('input.jsonl', `${rows.join('\n')}\n`);
  return world;
}

type Started = ReturnType<World['start']>;

interface Round {
  kills: number;
  stops: number;
  /** How each process that was not killed ended. */
  ends: { code: number | null; stderr: string }[];
}

/** Whoever was stopped inside a write keeps the store's lock for ZOMBIE_MS, longer than the 30 s that others wait. */
const LOCKED_OUT = /is locked by another process for 30 s/u;

/** Four processes on one home; while any of them runs, one is killed, stopped or woken now and then. */
async function round(world: World, random: () => number): Promise<Round> {
  const running = new Map<Started, { stopped: boolean }>();
  const ends: Round['ends'] = [];
  let [kills, stops, ended] = [0, 0, 0];
  const start = (): void => {
    const offset = String(Math.floor(random() * 4_000 - 2_000));
    const parallel = random() < 0.5 ? 'on' : 'off';
    const started = world.start([...RUN, '--parallel', parallel], {
      env: { SIM_OFFSET_MS: offset },
    });
    running.set(started, { stopped: false });
    void started.done.then(({ code, signal, stderr }) => {
      running.delete(started);
      if (signal !== null || (code === 1 && LOCKED_OUT.test(stderr))) return;
      ends.push({ code, stderr });
      ended += 1;
    });
  };
  const hurt = (started: Started): void => {
    const state = running.get(started);
    if (state === undefined || state.stopped) return;
    if (random() < 0.5) {
      kills += 1;
      started.child.kill('SIGKILL');
      return;
    }
    stops += 1;
    state.stopped = true;
    started.child.kill('SIGSTOP');
    const wakeAfterMs = random() < 0.5 ? 500 + random() * 2_500 : ZOMBIE_MS;
    void sleep(wakeAfterMs).then(() => started.child.kill('SIGCONT'));
  };
  for (let turn = 0; ended === 0 && turn < MAX_TURNS; turn += 1) {
    while (running.size < PROCESSES && ended === 0) start();
    await sleep(600 + random() * 1_200);
    const [one] = [...running.keys()].slice(Math.floor(random() * running.size));
    if (one !== undefined && kills + stops < 12) hurt(one);
  }
  await Promise.all([...running.keys()].map(({ done }) => done));
  return { kills, stops, ends };
}

describe.runIf(ROUNDS > 0)('four processes on one home, killed, stopped and woken', () => {
  let expected = '';
  beforeAll(async () => {
    const calm = place();
    const { code, stderr } = await calm.cli(RUN);
    expect(code, stderr).toBe(2);
    expected = calm.outcomes();
    expect(expected.split('\n')).toHaveLength(ITEMS + 1);
  }, 60_000);

  for (let n = 1; n <= ROUNDS; n += 1) {
    it(`round ${n} leaves the outcomes of an undisturbed run`, async () => {
      const world = place();
      const { kills, stops, ends } = await round(world, seededRandom(`processes ${n}`));
      expect(ends, 'no process reached the end').not.toEqual([]);
      // The batch has failed items: that is 2. Whoever slept through the end may only find that it ended.
      for (const { code, stderr } of ends) expect(code, stderr).toBe(2);
      expect(kills + stops).toBeGreaterThan(2);
      expect(world.outcomes() === expected, 'the outcomes differ').toBe(true);
      expect(world.report()).toMatchObject({ total: ITEMS, notRun: 0, status: 'done' });
      expect((await world.cli(['verify', world.batch()])).code).toBe(0);
    }, 240_000);
  }
});
