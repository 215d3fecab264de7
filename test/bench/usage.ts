// Loaded first into every measured process (--import): what it used is noted when it ends.
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const { SLUICE_BENCH_USAGE: file } = process.env;

if (isMainThread && file !== undefined) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    const used = { cpuS: (userCPUTime + systemCPUTime) / 1e6, rssMb: (maxRSS * 1024) / 1e6 };
    appendFileSync(file, `${JSON.stringify(used)}\n`);
  });
}
