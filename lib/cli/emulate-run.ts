import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { awsCheckpointStore } from '../adapters/aws/checkpoint-store.ts';
import { awsClients } from '../adapters/aws/clients.ts';
import { awsObjectStore } from '../adapters/aws/object-store.ts';
import type { Emulator, EmulatorStats } from '../app/emulate/emulator.ts';
import {
  type EmulatedUpload,
  findsFiles,
  planEmulated,
  planFolders,
} from '../app/emulate/plan-uploads.ts';
import { requireOutput, uploadTo } from '../app/emulate/upload.ts';
import { parseNow } from '../app/parse-now.ts';
import { SluiceError } from '../core/errors.ts';
import { REPORT_FILES, reportKey } from '../core/keys.ts';
import { shareWords } from '../core/quota-settings.ts';
import type { Report } from '../core/report.ts';
import { renderSummary } from '../core/summary.ts';
import { hasEnded } from '../core/transitions.ts';
import { type Batch, listBatches, readBatch } from '../engine/batch.ts';
import { batchState } from '../engine/status.ts';
import type { CheckpointStore } from '../ports/checkpoint-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type EmulateFlags, nextInterrupt, startFromFlags } from './emulate.ts';
import { statsLines } from './emulate-stats.ts';
import { EXIT, exitOfReport } from './exit-codes.ts';
import { jobOptionsOf } from './flags.ts';
import { openDisplay } from './progress.ts';
import { type Cli, shortPath, word } from './terminal.ts';

export interface EmulateRunFlags extends EmulateFlags {
  option?: string[];
  now?: string;
  chunk?: string;
  concurrency?: string;
  tolerate?: string;
}

export interface EmulateRunRequest {
  job: string;
  files: string[];
  flags: EmulateRunFlags;
}

/** The stack's state and objects, as the command line sees them. */
interface Stores {
  store: CheckpointStore;
  objects: ObjectStore;
}

const LOOK_MS = 200;
/** An upload whose event was lost is found by the sweeper, a minute later at most. */
const FOUND_WITHIN_MS = 150_000;

/** `sluice emulate run`: uploads files to an emulator of its own, one batch a file or manifest, and shows how they end. */
export async function emulateRunCommand(
  cli: Cli,
  { job, files, flags }: EmulateRunRequest,
): Promise<number> {
  const options = batchOptions(flags);
  // Before anything is synthesised.
  const uploads = await ((await findsFiles(job)) ? planFolders : planEmulated)(files);
  const interrupted = nextInterrupt().then(() => 'interrupted' as const);
  const emulator = await startFromFlags(cli, { jobs: job, ...flags });
  try {
    const name = jobName(emulator, job);
    const done = runFiles(cli, emulator, { name, uploads, options });
    const ends = await Promise.race([done, interrupted]);
    // What is left of the work fails when the emulator closes under it.
    if (ends === 'interrupted') {
      done.catch(() => undefined);
      cli.say('Interrupted: what the emulator held is gone with it.');
      return EXIT.interrupted;
    }
    await showStats(cli, { ends, stats: emulator.stats() }, flags);
    return Math.max(...ends.map(({ report }) => exitOfReport(report)));
  } finally {
    await emulator.close();
  }
}

/** What is stored with the upload; the stack checks it as it checks everybody's. */
function batchOptions(flags: EmulateRunFlags): Record<string, string> {
  parseNow(flags.now);
  const own = { now: flags.now, chunk: flags.chunk, concurrency: flags.concurrency };
  const given = Object.entries({ ...own, tolerate: flags.tolerate }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  return { ...jobOptionsOf(flags.option ?? []), ...Object.fromEntries(given) };
}

/** The stack's own name of a job: what was typed may be a file. */
function jobName({ outputs }: Emulator, job: string): string {
  const names = Object.keys(JSON.parse(requireOutput(outputs, 'Jobs')) as object);
  if (names.includes(job)) return job;
  const [only] = names;
  if (only !== undefined && names.length === 1 && /[./]/.test(job)) return only;
  throw new SluiceError('NOT_FOUND', `The stack has no job ${job}; it has: ${names.join(', ')}.`, {
    hint: 'Name the jobs of the stack with --jobs a,b, or leave it out for the one that is run.',
  });
}

interface Ended {
  batch: Batch;
  report: Report;
}

async function runFiles(
  cli: Cli,
  emulator: Emulator,
  {
    name,
    uploads,
    options,
  }: { name: string; uploads: EmulatedUpload[]; options: Record<string, string> },
): Promise<Ended[]> {
  // As any other client: by its environment alone. A profile would win over the keys in it.
  Object.assign(process.env, emulator.env);
  delete process.env['AWS_PROFILE'];
  const clients = awsClients();
  const { outputs } = emulator;
  const stores: Stores = {
    store: awsCheckpointStore({ client: clients.dynamo, table: requireOutput(outputs, 'Table') }),
    objects: awsObjectStore({
      client: clients.s3,
      bucket: requireOutput(outputs, 'ReportBucket'),
    }),
  };
  try {
    const sources: string[] = [];
    for (const { file, objects, prefix } of uploads) {
      sources.push(await uploadTo(emulator, { job: name, file, options, objects, prefix }));
      const what = objects === undefined ? '' : ` and the ${objects.length} files that it names`;
      cli.say(`Uploaded ${shortPath(file)}${what} to ${sources.at(-1)}`);
    }
    const ended: Ended[] = [];
    for (const source of sources) {
      const end = await follow(cli, emulator, { stores, source });
      await showBatch(cli, stores, end);
      ended.push(end);
    }
    return ended;
  } finally {
    clients.close();
  }
}

async function follow(
  cli: Cli,
  emulator: Emulator,
  { stores, source }: { stores: Stores; source: string },
): Promise<Ended> {
  const { store, objects } = stores;
  const id = await batchOf(cli, store, source);
  const share = shareWords((await readBatch(store, id))?.settings ?? {});
  if (share !== undefined) cli.say(share);
  const display = await openDisplay(cli);
  try {
    for (;;) {
      const state = await batchState(store, id);
      if (state !== undefined && hasEnded(state.batch.status)) {
        const { batch } = state;
        const bytes = await objects.get(reportKey(id, batch.round, 'report.json'));
        if (bytes === undefined) throw new SluiceError('DAMAGED', `Batch ${id} has no report.`);
        return { batch, report: JSON.parse(Buffer.from(bytes).toString()) as Report };
      }
      if (state !== undefined) {
        const { busy, slots } = workersOf(emulator);
        const rssBytes = process.memoryUsage.rss();
        display.update({ state, busy, slots, threads: 0, codes: {}, rssBytes });
      }
      await sleep(LOOK_MS);
    }
  } finally {
    display.end();
  }
}

/** The batch that an upload became. */
async function batchOf(cli: Cli, store: CheckpointStore, source: string): Promise<string> {
  const until = performance.now() + FOUND_WITHIN_MS;
  while (performance.now() < until) {
    const entry = (await listBatches(store)).find((live) => live.source === source);
    if (entry !== undefined) {
      cli.say(`Batch ${entry.id}`);
      return entry.id;
    }
    await sleep(LOOK_MS);
  }
  throw new SluiceError('STATE', `${source} became no batch in ${FOUND_WITHIN_MS / 1000} s.`, {
    hint: `See what the functions said: ${shortPath(join(resolve(cli.home), 'emulate-logs'))}`,
  });
}

/** Environments of functions that read a stage's queue. */
function workersOf({ specs, stats }: Emulator): { busy: number; slots: number } {
  const { functions } = stats();
  const workers = specs.functions.filter(({ logicalId }) => logicalId.startsWith('Worker'));
  return {
    busy: workers.reduce((sum, { logicalId }) => sum + (functions[logicalId]?.busy ?? 0), 0),
    slots: workers.reduce((sum, { reserved }) => sum + (reserved ?? 0), 0),
  };
}

/** The summary; the report's files are copied, since the emulator takes its buckets along. */
async function showBatch(cli: Cli, { objects }: Stores, { batch, report }: Ended): Promise<void> {
  const folder = join(resolve(cli.home), 'emulate-reports', batch.id);
  await mkdir(folder, { recursive: true });
  for (const file of REPORT_FILES) {
    const bytes = await objects.get(reportKey(batch.id, batch.round, file));
    if (bytes !== undefined) await writeFile(join(folder, file), bytes);
  }
  if (cli.json) {
    const { details: _details, ...rest } = report;
    await cli.out(`${JSON.stringify(rest)}\n`);
    return;
  }
  const path = word(shortPath(join(folder, 'report.html')));
  await cli.out(`${renderSummary(report, cli.width)}\n\nreport    ${path}\n`);
}

async function showStats(
  cli: Cli,
  { ends, stats }: { ends: readonly Ended[]; stats: EmulatorStats },
  { stats: wanted, chaos }: EmulateRunFlags,
): Promise<void> {
  if (cli.json && wanted) await cli.out(`${JSON.stringify(stats)}\n`);
  else if (wanted) {
    const chunks = ends.reduce((sum, { report }) => sum + report.chunks, 0);
    await cli.out(`\n${statsLines(stats, chunks, cli.width).join('\n')}\n`);
  }
  if (chaos !== undefined) {
    const done = Object.entries(stats.chaos).map(([kind, times]) => `${kind} ${times}`);
    cli.say(`Chaos did: ${done.join(', ')}.`);
  }
}
