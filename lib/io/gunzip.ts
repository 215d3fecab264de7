import { createGunzip } from 'node:zlib';

/** Compressed bytes per step: bounds what one step can expand to (16 KiB at 1000 to 1 is 16 MiB). */
const STEP_BYTES = 16 * 1024;
/** gzip cannot exceed 1032 to 1; real data that stays above this for 64 MiB is no data. */
const BOMB_RATIO = 1000;
const BOMB_FROM_BYTES = 64 * 1024 * 1024;

/** Why decompression ended early, and the compressed bytes that were fed before the step that failed. */
interface Stop {
  fault: string;
  damaged: boolean;
  at: number;
}

/**
 * Decompresses gzip of any number of members. Yields every byte before a cut or a damage, and returns
 * why it ended early.
 * @param again streams the source anew: after a damage its neighbourhood is decompressed a byte at a
 * time, since zlib drops what a failing step had already given (up to 16 KiB)
 */
export async function* gunzip(
  chunks: AsyncIterable<Uint8Array>,
  again: (() => AsyncIterable<Uint8Array>) | undefined,
): AsyncGenerator<Uint8Array, string | undefined> {
  let sent = 0;
  const first = inflate(chunks, Number.POSITIVE_INFINITY);
  let step = await first.next();
  for (; !step.done; step = await first.next()) {
    sent += step.value.length;
    yield step.value;
  }
  const stop = step.value;
  if (stop?.damaged && again !== undefined) {
    let skip = sent;
    for await (const bytes of inflate(again(), stop.at)) {
      if (skip < bytes.length) yield bytes.subarray(skip);
      skip = Math.max(0, skip - bytes.length);
    }
  }
  return stop?.fault;
}

async function* inflate(
  chunks: AsyncIterable<Uint8Array>,
  fineFrom: number,
): AsyncGenerator<Uint8Array, Stop | undefined> {
  const stream = openStream();
  let at = 0;
  let given = 0;
  try {
    for await (const chunk of chunks) {
      for (let i = 0; i < chunk.length && !stream.over(); ) {
        const limit = at < fineFrom ? Math.min(STEP_BYTES, fineFrom - at) : 1;
        const slice = chunk.subarray(i, i + limit);
        for (const bytes of await stream.write(slice)) {
          given += bytes.length;
          yield bytes;
        }
        if (stream.failure() !== undefined) break;
        i += slice.length;
        at += slice.length;
        if (given > BOMB_FROM_BYTES && given > BOMB_RATIO * at) return bomb(given, at);
      }
      if (stream.over()) break;
    }
    if (!stream.over()) yield* await stream.end();
    const failure = stream.failure();
    return failure === undefined ? undefined : stopOf(failure, at);
  } finally {
    stream.close();
  }
}

function stopOf(failure: NodeJS.ErrnoException, at: number): Stop {
  if (failure.code === 'Z_BUF_ERROR') {
    return { fault: `it ends in the middle of its compressed data`, damaged: false, at };
  }
  const fault = `its compressed data is damaged near byte ${at} (${failure.message})`;
  return { fault, damaged: true, at };
}

function bomb(given: number, at: number): Stop {
  const fault = `its first ${at} bytes expand to ${given}, more than ${BOMB_RATIO} to 1: it was refused as a decompression bomb`;
  return { fault, damaged: false, at };
}

/** zlib's stream, a step at a time: the answer to a write is all that it gave. */
function openStream() {
  const zlib = createGunzip();
  const out: Uint8Array[] = [];
  let failure: NodeJS.ErrnoException | undefined;
  let over = false;
  let wake = (): void => {};
  const ended = (): void => {
    over = true;
    wake();
  };
  zlib.on('data', (bytes: Uint8Array) => out.push(bytes));
  zlib.on('error', (error) => {
    failure = error;
  });
  // A failing write never calls back; only `close` tells.
  zlib.on('end', ended);
  zlib.on('close', ended);
  const step = async (act: (done: () => void) => void): Promise<Uint8Array[]> => {
    await new Promise<void>((done) => {
      wake = done;
      act(done);
    });
    return out.splice(0);
  };
  return {
    write: (bytes: Uint8Array) => step((done) => zlib.write(bytes, () => done())),
    end: () => step(() => zlib.end()),
    over: () => over,
    failure: () => failure,
    close: () => zlib.destroy(),
  };
}
