import { memoryCheckpointStore } from '../../lib/adapters/memory/checkpoint-store.ts';
import { memoryHost } from '../../lib/adapters/memory/host.ts';
import { memoryLogger } from '../../lib/adapters/memory/logger.ts';
import type { Change, RecordKey, StoredRecord } from '../../lib/core/change.ts';
import { batchKey, chunkKey, stageKey, tallyKey, tallyOf } from '../../lib/core/keys.ts';
import { markName, newChunk } from '../../lib/core/transitions.ts';
import type { ChangeAnswer, CheckpointStore } from '../../lib/ports/checkpoint-store.ts';
import type { Message } from '../../lib/ports/work-queue.ts';

export const STAGE = { batch: 'b', round: 0, stage: 0 } as const;

export interface StateOptions {
  batch?: StoredRecord;
  stage?: StoredRecord;
  /** Items by status of each committed chunk, by its number. */
  committed?: Record<number, Record<string, number>>;
  /** Fields of chunk records that are not those of a new chunk. */
  chunks?: Record<number, StoredRecord>;
  window?: number;
  now?: number;
  /** Answers instead of the store; undefined = let it through. */
  onChange?: (key: RecordKey, change: Change) => Promise<ChangeAnswer> | undefined;
}

/** A batch in the midst of its life, as records, and what is sent while the engine looks at it. */
export async function storedState(options: StateOptions) {
  const raw = memoryCheckpointStore();
  const write = (key: RecordKey, set: StoredRecord) => raw.change(key, { when: [], set });
  const json = { options: '{}', settings: '{}', input: '{}' };
  const batch = { v: 1, id: 'b', status: 'running', round: 0, digest: 'd', stop: 'none', ver: 0 };
  const stage = { v: 1, cur: '', planned: 0, rel: 0, haltVer: 0, low: 0, ...options.stage };
  await write(batchKey('b'), { ...batch, ...json, startedAt: 0, now: 0, ...options.batch });
  await write(stageKey(STAGE), stage);
  for (let chunk = 0; chunk < stage.planned; chunk += 1) {
    const range = { v: 1, source: 0, start: chunk, end: chunk + 1, first: chunk, count: 1 };
    const record = { ...newChunk(range), ...options.chunks?.[chunk] };
    await write(chunkKey({ ...STAGE, chunk }), record);
  }
  const tallies = new Map<number, Record<string, number>>();
  for (const [name, counts] of Object.entries(options.committed ?? {})) {
    const chunk = Number(name);
    const tally = tallies.get(tallyOf(chunk)) ?? { n: 0 };
    tally['n'] = (tally['n'] ?? 0) + 1;
    tally[markName(chunk)] = 1;
    for (const [status, items] of Object.entries(counts))
      tally[status] = (tally[status] ?? 0) + items;
    tallies.set(tallyOf(chunk), tally);
  }
  for (const [at, tally] of tallies) await write(tallyKey(STAGE, at), tally);

  const store: CheckpointStore = {
    ...raw,
    change: (key, change) => options.onChange?.(key, change) ?? raw.change(key, change),
  };
  const sent: { queue: string; message: Message; delayMs: number | undefined }[] = [];
  let now = options.now ?? 1_000_000;
  const host = memoryHost();
  const engine = {
    store,
    host,
    log: memoryLogger(),
    window: options.window ?? 4,
    clock: {
      now: () => now,
      monotonic: () => now,
      after: () => () => undefined,
      sleep: () => Promise.resolve(),
      yield: () => Promise.resolve(),
    },
    queue: {
      async send(queue: string, messages: readonly { message: Message; delayMs?: number }[]) {
        for (const { message, delayMs } of messages) sent.push({ queue, message, delayMs });
        return [];
      },
      receive: () => Promise.resolve([]),
      ack: () => Promise.resolve(),
    },
  };
  return {
    engine,
    /** The store itself, without `onChange`. */
    raw,
    host,
    sent,
    /** Numbers of the chunks sent, and the steps. */
    sentBriefly: () => sent.map(({ message }) => message.chunk ?? message.step),
    stage: () => raw.read(stageKey(STAGE)),
    batch: () => raw.read(batchKey('b')),
    chunk: (chunk: number) => raw.read(chunkKey({ ...STAGE, chunk })),
    pass(ms: number) {
      now += ms;
    },
  };
}

/** Chunks from..to-1, each with these items. */
export const committedChunks = (
  from: number,
  to: number,
  counts: Record<string, number>,
): Record<number, Record<string, number>> =>
  Object.fromEntries(Array.from({ length: to - from }, (_, at) => [from + at, counts]));
