import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeSample } from '../../lib/jobs/odds/sample.ts';
import { emulated, synthesised, writeJobs } from '../support/emulated.ts';
import type { Bench } from './support.ts';
import { against, count } from './table.ts';

/** Does nothing: what is left is the cloud's own work for a chunk. */
const NOOP = `
import { defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'noop',
  input: ndjson(),
  limits: { chunk: 100, concurrency: 4, workers: 4 },
  process: () => ok(null),
});`;

export const cloudBench: Bench = {
  name: 'cloud',
  about:
    'the synthesised stack, emulated (wanted a chunk: 1 PUT, <= 5 write units, <= 3.1 SQS requests)',
  async run({ scratch, size, say }) {
    const folder = join(scratch.root, 'cloud');
    const jobs = writeJobs(folder, { noop: NOOP });
    const from = performance.now();
    const assembly = await synthesised(folder, ['odds', ...jobs]);
    say(`synth: ${count(performance.now() - from)} ms`);
    const world = await emulated({ assembly });
    try {
      const chunks = size(undefined, 400, 20);
      const pieces: string[] = [];
      await writeSample({ rows: chunks * 100, write: (text) => pieces.push(text) });
      const noop = Array.from({ length: chunks * 100 }, (_, i) => `${i}\n`).join('');
      // The first batch pays for cold environments.
      await world.upload('inbox/noop/warm.ndjson', noop.slice(0, 2000));
      await world.ended('warm.ndjson');
      for (const [job, body, worker] of [
        ['noop', noop, 'WorkerNoop0'],
        ['odds', pieces.join(''), 'WorkerOdds0'],
      ] as const) {
        const before = world.emulator.stats();
        const at = performance.now();
        await world.upload(`inbox/${job}/rows.txt`, body, { 'sluice-chunk': '100' });
        await world.ended(`inbox/${job}/rows.txt`, { withinMs: 600_000 });
        const seconds = (performance.now() - at) / 1000;
        const after = world.emulator.stats();
        const own = (name: string): number =>
          (after.traffic[worker]?.requests[name] ?? 0) -
          (before.traffic[worker]?.requests[name] ?? 0);
        const units = (kind: 'writeUnits' | 'readUnits', caller: string): number =>
          (after.traffic[caller]?.[kind] ?? 0) - (before.traffic[caller]?.[kind] ?? 0);
        const writes = units('writeUnits', worker) + units('writeUnits', 'Orchestrator');
        const reads = units('readUnits', worker);
        const sqs = own('sqs.SendMessageBatch') + 2 * chunks;
        say(`${job}, ${count(chunks)} chunks of 100: ${count(chunks / seconds, 1)} chunks/s`);
        say(`  PUT a chunk: ${against(own('s3.PutObject') / chunks, '<=', 1)}`);
        say(`  write units a chunk, planning included: ${against(writes / chunks, '<=', 5)}`);
        say(`  read units a chunk: ${count(reads / chunks, 2)}`);
        say(
          `  SQS requests a chunk (sends counted; a receive and a delete each): ${against(sqs / chunks, '<=', 3.1)}`,
        );
      }
      const { functions } = world.emulator.stats();
      for (const [name, { cold, maxRssMb, peakBusy }] of Object.entries(functions)) {
        say(`${name}: ${cold} cold starts, at most ${peakBusy} busy, ${maxRssMb} MB`);
      }
    } finally {
      await world.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
