import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHome } from '../app/home.ts';
import { formatCount, formatDuration, formatShare } from '../core/format.ts';
import { reportKey } from '../core/keys.ts';
import type { Report } from '../core/report.ts';
import { listBatches } from '../engine/batch.ts';
import { batchState } from '../engine/status.ts';
import { EXIT } from './exit-codes.ts';
import { sampleFile } from './sample-file.ts';
import type { Cli } from './terminal.ts';

/** The kill comes once this share of the items is recorded. */
const KILL_AT = 0.4;
const LOOK_MS = 10;
/** Small ones: a chunk whose attempt died is worked again item by item, at about 10 ms an item. */
const CHUNK = '100';

/** Kills a run with SIGKILL, resumes it, and compares its outcomes with those of a run left alone. */
export async function demoCrashCommand(cli: Cli, rows: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-crash-'));
  try {
    return await story(cli, folder, rows);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function story(cli: Cli, folder: string, rows: number): Promise<number> {
  const tell = async (line: string): Promise<void> => {
    if (!cli.json) await cli.out(`${line}\n`);
  };
  const { file } = await sampleFile(folder, rows);
  const homes = { crashed: join(folder, 'crashed'), calm: join(folder, 'calm') };
  await tell(`1. A process starts the odds job on ${count(rows)} rows.`);
  const killed = await runAndKill(homes.crashed, file, rows);
  await tell(
    `2. kill -9 to process ${killed.pid} after ${formatDuration(killed.afterMs)}: ${count(killed.items)} items recorded (${formatShare(killed.items, rows)}).`,
  );
  const resumed = await sluice(['resume', killed.batch], homes.crashed);
  await tell(
    `3. sluice resume ${killed.batch}: ended after ${formatDuration(resumed.ms)}, ${resumed.report.status}.`,
  );
  const again = await workedAgain(homes.crashed, resumed.report);
  await tell(
    `   ${again} of ${resumed.report.chunks} chunks were under way when it died and were worked again; the others were kept.`,
  );
  await tell(`   ${countsOf(resumed.report)}`);
  const calm = await sluice(['run', 'odds', file], homes.calm);
  await tell(
    `4. The same run left alone, in chunks of 1000 instead of ${CHUNK}: ended after ${formatDuration(calm.ms)}, ${calm.report.status}.`,
  );
  await tell(`   ${countsOf(calm.report)}`);
  const digests = [resumed.report, calm.report].map(({ digests: { outcomes } }) => outcomes);
  const equal = digests[0] === digests[1] && countsOf(resumed.report) === countsOf(calm.report);
  await tell('5. SHA-256 of all outcomes, in input order:');
  await tell(`   killed and resumed  ${digests[0]}`);
  await tell(`   left alone          ${digests[1]}`);
  const verdict = equal ? 'equal' : 'DIFFERENT';
  await tell(`   ${cli.paint('out', equal ? 'green' : 'red', verdict)}`);
  if (cli.json) {
    const [crashed, undisturbed] = digests;
    const { items, batch } = killed;
    await cli.out(
      `${JSON.stringify({ batch, rows, recordedAtKill: items, crashed, undisturbed, equal })}\n`,
    );
  }
  return equal ? EXIT.ok : EXIT.error;
}

const count = (n: number): string => formatCount(n, ' ');

const countsOf = ({ total, ok, skipped, failed, stalled }: Report): string =>
  `${count(total)} items: ${count(ok)} ok, ${count(skipped)} skipped, ${count(failed)} failed, ${count(stalled)} stalled`;

interface Killed {
  pid: number;
  batch: string;
  items: number;
  afterMs: number;
}

/** Starts a run of its own process, waits until enough is recorded, kills it, and looks what is there. */
async function runAndKill(path: string, file: string, rows: number): Promise<Killed> {
  const from = performance.now();
  const home = await openHome(path);
  const child = start(['run', 'odds', file, '--chunk', CHUNK, '--quiet'], path);
  const ended = once(child);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  try {
    for (;;) {
      const batch = (await listBatches(home.store))[0]?.id;
      const state = batch === undefined ? undefined : await batchState(home.store, batch);
      if (over) throw new Error('The run ended before it could be killed: take more --rows.');
      if (state !== undefined && state.doneItems >= rows * KILL_AT) break;
      await home.clock.sleep(LOOK_MS);
    }
    const afterMs = performance.now() - from;
    child.kill('SIGKILL');
    await ended;
    const batch = (await listBatches(home.store))[0]?.id as string;
    const items = (await batchState(home.store, batch))?.doneItems ?? 0;
    return { pid: child.pid ?? 0, batch, items, afterMs };
  } finally {
    child.kill('SIGKILL');
    await home.close();
  }
}

/** Chunks whose committed attempt is not their first: the epoch is in the name of each part. */
async function workedAgain(path: string, { batch, round }: Report): Promise<number> {
  const home = await openHome(path);
  try {
    const bytes = await home.objects.get(reportKey(batch, round, 'manifest.jsonl'));
    const parts =
      Buffer.from(bytes ?? [])
        .toString()
        .match(/-\d+\.gz"/g) ?? [];
    return parts.filter((end) => end !== '-1.gz"').length;
  } finally {
    await home.close();
  }
}

function start(args: string[], home: string): ChildProcess {
  const script = process.argv[1] as string;
  return spawn(process.execPath, [script, ...args, '--json', '--home', home], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs this very program and reads the report that it prints; its failed rows are no error here. */
async function sluice(args: string[], home: string): Promise<{ report: Report; ms: number }> {
  const from = performance.now();
  const { code, out, talk } = await once(start([...args, '--quiet'], home));
  if (code !== EXIT.ok && code !== EXIT.failures) {
    throw new Error(`sluice ${args.join(' ')} ended with ${code}: ${talk.trim()}`);
  }
  return { report: JSON.parse(out) as Report, ms: performance.now() - from };
}

/** All that a process said, once it has ended. */
function once(child: ChildProcess): Promise<{ code: number | null; out: string; talk: string }> {
  return new Promise((resolve, reject) => {
    let out = '';
    let talk = '';
    child.stdout?.on('data', (text) => {
      out += String(text);
    });
    child.stderr?.on('data', (text) => {
      talk += String(text);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, talk }));
  });
}
