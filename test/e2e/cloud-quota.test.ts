import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { type JobQuota, jobQuotas } from '../../lib/core/quota.ts';
import { quotaKey } from '../../lib/engine/quota-record.ts';
import { newFolder } from '../support/cli.ts';
import { emulated, synthesised, writeJobs } from '../support/emulated.ts';
import { mostInWindow } from '../support/rolling-window.ts';

const FULL = process.env['SLUICE_FULL'] !== undefined;
const WORKERS = 20;
const [CALLS, WINDOW_MS] = [100, 5_000];
const MEASURED_MS = 25_000;
const QUOTA = { calls: CALLS, per: `${WINDOW_MS}ms`, skew: '500ms', sendTime: '1s' };

/** A thread of its own counts the calls: the emulator keeps this one busy. */
const COUNTER = `
const { createServer } = require('node:http');
const { parentPort } = require('node:worker_threads');
let calls = [];
const server = createServer((request, response) => {
  calls.push({ at: performance.now(), pid: request.url });
  response.end();
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
parentPort.on('message', () => parentPort.postMessage(calls));
`;

async function counter() {
  const thread = new Worker(COUNTER, { eval: true });
  const next = <T>(): Promise<T> => new Promise((go) => thread.once('message', go));
  const port = await next<number>();
  return {
    url: `http://127.0.0.1:${port}`,
    calls() {
      thread.postMessage('');
      return next<{ at: number; pid: string }[]>();
    },
    end: () => thread.terminate(),
  };
}

const calling = (url: string): string => `
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'calling', input: ndjson(), limits: { chunk: 5, concurrency: 1, workers: ${WORKERS} },
  quotas: { api: ${JSON.stringify(QUOTA)} },
  async process(row, ctx) {
    const { status } = await ctx.quota().call(() => fetch('${url}/' + process.pid));
    return ok(status);
  },
});`;

describe.skipIf(!FULL)('a quota in the emulated cloud (SLUICE_FULL)', () => {
  test(`holds over ${WORKERS} functions whose clocks are off by up to 0.5 s each way, killed at random`, async () => {
    const folder = newFolder();
    const remote = await counter();
    const assembly = await synthesised(folder, writeJobs(folder, { calling: calling(remote.url) }));
    const world = await emulated({ assembly, chaos: 'kill=0.15,skew=500,seed=11' });
    try {
      const rows = Array.from({ length: 3_000 }, (_, n) => `${n}\n`).join('');
      let uploads = 0;
      const upload = async (): Promise<void> => {
        uploads += 1;
        await world.upload(`inbox/calling/rows-${uploads}.ndjson`, rows);
      };
      await upload();
      const callers = async (): Promise<number> =>
        new Set((await remote.calls()).map(({ pid }) => pid)).size;
      const until = Date.now() + 60_000;
      // One in seven starts is killed, and its message is away for the inbox's visibility time-out.
      for (let look = 1; (await callers()) < WORKERS && Date.now() < until; look += 1) {
        if (look % 24 === 0 && (await callers()) === 0) await upload();
        await sleep(500);
      }
      expect(await callers()).toBeGreaterThanOrEqual(WORKERS);
      const [quota] = jobQuotas({ name: 'calling', quotas: { api: QUOTA } }, {});
      const { gapUs } = (quota as JobQuota).plan;
      /** The first slot that nobody has leased, the calls that came, and the kills, up to now. */
      const look = async () => {
        const [record, calls] = [await world.store.read(quotaKey('api', '')), await remote.calls()];
        const { chaos } = world.emulator.stats();
        return {
          at: performance.now(),
          next: record?.['next'] as number,
          calls,
          kills: chaos.kill,
        };
      };
      const from = await look();
      await sleep(MEASURED_MS);
      const to = await look();
      const calls = to.calls.map(({ at }) => at);
      const { functions } = world.emulator.stats();
      expect(mostInWindow(calls, WINDOW_MS)).toBeLessThanOrEqual(CALLS);
      expect(to.kills).toBeGreaterThan(0);
      expect(functions['WorkerCalling0']?.peakBusy).toBe(WORKERS);

      // A kill loses what its process had leased and not used: a block at most, and nothing where it had used all. So kills
      // explain no more than that, and no more than was lost.
      const slots = ((to.at - from.at) * 1000) / gapUs;
      const made = to.calls.length - from.calls.length;
      const kills = to.kills - from.kills;
      const block = Math.max(1, Math.floor(200_000 / gapUs));
      const byKills = Math.min(Math.max(0, slots - made), kills * block);
      const share = (part: number): string => `${((100 * part) / slots).toFixed(1)} %`;
      console.log(
        `${made} calls in ${((to.at - from.at) / 1000).toFixed(1)} s: ${share(made)} of ${slots.toFixed(1)} slots, ` +
          `${share((to.next - from.next) / gapUs)} leased; ${kills} kills lost ${kills * block} slots at most, ` +
          `so all else lost ${share(slots - made - byKills)}`,
      );
      // A machine that others use loses slots by itself: a tenth says that something else is wrong.
      expect(made + byKills).toBeGreaterThan(0.9 * slots);
    } finally {
      await world.close();
      await remote.end();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 150_000);
});
