import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { memoryObjectStore } from '../../../lib/adapters/memory/object-store.ts';
import { newHttpHost } from '../../../lib/app/http-host.ts';
import type { Job } from '../../../lib/core/job.ts';
import { etaMs, newPace } from '../../../lib/core/pace.ts';
import { seededRandom } from '../../../lib/core/rng.ts';
import { httpClient } from '../../../lib/engine/http-client.ts';
import type { HttpHost } from '../../../lib/engine/http-env.ts';
import { batchState } from '../../../lib/engine/status.ts';
import job from '../../../lib/jobs/companies/job.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { WireAnswer, WireRequest } from '../../../lib/ports/http.ts';
import type { ObjectStore } from '../../../lib/ports/object-store.ts';
import type { Rows } from '../../support/memory-engine.ts';
import { quotaWorld } from '../../support/quota-world.ts';
import { type Gateway, newGateway } from './fake-gateway.ts';
import { KEY } from './fake-insee.ts';
import { sirenAt } from './fake-register.ts';

export interface ImportOptions {
  companies: number;
  /** As the job's option: `100/1m`. */
  quota: string;
  perCall: number;
  /** Rows of a chunk; as the job has it by default. */
  chunk?: number;
  /** Parts as files below it; else in memory. */
  folder?: string;
}

export interface ImportFacts {
  status: string;
  counts: Record<string, number>;
  /** Virtual time from the first call to the last. */
  days: number;
  calls: number;
  refused: number;
  /** Most calls in any rolling window of the server. */
  most: number;
  /** Calls made, of those that the quota allows in that time. */
  used: number;
  /** Of the time that was left at a quarter: estimate / truth - 1. */
  etaError: number;
  /** Resident MB at most in each fifth of the work. */
  rss: number[];
  logBytes: number;
}

const [PROCESSES, SKEW_MS, MINUTE_MS] = [4, 500, 60_000];
/** Looks at how it goes: a runner looks each 0.2 s, which would be 1.6 million for 525,000 calls. */
const LOOKS = 1_000;

/** The job on the real engine, four processes with clocks a second apart, against the strict gateway; in virtual time. */
export async function runImport(options: ImportOptions): Promise<ImportFacts> {
  const { companies, quota, perCall, chunk, folder } = options;
  const calls: number[] = [];
  let gateway: Gateway | undefined;
  const random = seededRandom('import');
  const [limit, per] = quota.split('/') as [string, string];
  const windowMs = { '1m': MINUTE_MS, '10s': 10_000 }[per] as number;
  const checked = await job.options?.['~standard'].validate({ quota, 'per-call': String(perCall) });
  if (checked === undefined || checked.issues !== undefined) throw new Error('wrong options');
  const pace = newPace();
  const progress: { done: number; at: number; eta: number | undefined }[] = [];
  const rss = [0, 0, 0, 0, 0];
  let seconds = 0;
  const callSeconds = ((companies / perCall) * windowMs) / Number(limit) / 1000;
  const lookEach = Math.min(60, Math.max(1, Math.floor(callSeconds / LOOKS)));
  const world = quotaWorld({
    job: job as unknown as Job,
    rows: numbered(companies),
    processes: PROCESSES,
    skewMs: SKEW_MS,
    options: checked.value,
    secrets: { INSEE_API_KEY: KEY },
    ...(chunk === undefined ? {} : { limits: { chunk } }),
    ...(folder === undefined ? {} : { objects: fileObjects(folder) }),
    http: (clock) =>
      virtualHttp(clock, random, (request) => {
        calls.push(world.clock.now());
        return (gateway as Gateway).answer(request);
      }),
    async onSecond() {
      seconds += 1;
      if (seconds % lookEach !== 0) return;
      const state = await batchState(world.store, 'quota-batch');
      const done = state?.doneItems ?? 0;
      pace.note(done, world.clock.monotonic());
      const eta = etaMs({ done, total: state?.totalItems }, pace.rate());
      progress.push({ done, at: world.clock.now(), eta });
      const fifth = Math.min(4, Math.floor((done / companies) * 5));
      rss[fifth] = Math.max(rss[fifth] as number, Math.round(process.memoryUsage().rss / 2 ** 20));
    },
  });
  gateway = newGateway({
    ...{ calls: Number(limit), windowMs, key: KEY, plain: true },
    now: world.clock.now,
  });
  await world.run(20 * 86_400_000);
  const { refused, most } = gateway.stats();
  const spanMs = (calls.at(-1) as number) - (calls[0] as number);
  const quarter = progress.find(({ done }) => done >= companies / 4);
  // Until all is done, not until the report is made: that takes real files and gzip, and virtual time runs on beside them
  // for as long as the machine needs.
  const whole = progress.find(({ done }) => done === companies)?.at ?? (calls.at(-1) as number);
  const leftMs = whole - (quarter?.at ?? 0);
  return {
    status: (await world.batch()).status,
    counts: await world.statuses(),
    days: spanMs / 86_400_000,
    ...{ calls: calls.length, refused, most },
    used: (calls.length - 1) / ((spanMs / windowMs) * Number(limit)),
    etaError: (quarter?.eta ?? 0) / leftMs - 1,
    rss,
    logBytes: world.log.lines.reduce((sum, line) => sum + JSON.stringify(line).length + 80, 0),
  };
}

/** Companies made when they are read, so that the input takes no memory. */
const numbered = (length: number): Rows => ({
  length,
  slice: (from = 0, until = length) =>
    Array.from({ length: until - from }, (_, at) => ({ siren: sirenAt(from + at) })),
});

type Answering = (request: Parameters<Gateway['answer']>[0]) => ReturnType<Gateway['answer']>;

/** A call reaches the gateway within the quota's send time, and is answered a little later. */
function virtualHttp(clock: Clock, random: () => number, answer: Answering): HttpHost {
  const send = async ({ path: asked, method, headers, body }: WireRequest): Promise<WireAnswer> => {
    await clock.sleep(random() * 450);
    const path = asked.replace('/api-sirene/3.11', '');
    const given = answer({ method, path, headers, body: String(body ?? '') });
    await clock.sleep(50 + random() * 500);
    return { status: given.status, headers: given.headers, bytes: Buffer.from(given.body) };
  };
  return newHttpHost(async () => ({
    openWire: () => ({ send, close: async () => undefined }),
    httpClient,
  }));
}

/** Files, read and written at once: time stands still meanwhile, as it would not for real I/O. */
function fileObjects(folder: string): ObjectStore {
  const keys = memoryObjectStore();
  const fileOf = (key: string): string => join(folder, encodeURIComponent(key));
  mkdirSync(folder, { recursive: true });
  return {
    async put(key, body) {
      const file = openSync(fileOf(key), 'w');
      for await (const piece of body instanceof Uint8Array ? [body] : body) writeSync(file, piece);
      closeSync(file);
      // Only the name stays in memory.
      await keys.put(key, new Uint8Array());
    },
    async get(key, range) {
      const bytes = await this.size(key);
      if (bytes === undefined) return undefined;
      if (range === undefined) return readFileSync(fileOf(key));
      const start = 'last' in range ? Math.max(0, bytes - range.last) : range.start;
      const end = 'last' in range ? bytes : Math.min(bytes, range.end);
      const piece = Buffer.alloc(Math.max(0, end - start));
      const file = openSync(fileOf(key), 'r');
      readSync(file, piece, 0, piece.length, start);
      closeSync(file);
      return piece;
    },
    size: async (key) =>
      (await keys.size(key)) === undefined ? undefined : statSync(fileOf(key)).size,
    list: keys.list,
    async delete(key) {
      await keys.delete(key);
      rmSync(fileOf(key), { force: true });
    },
  };
}
