import type { ObjectStore } from '../ports/object-store.ts';

const READ_BYTES = 1024 * 1024;
const LF = 10;

/** The lines of a stored object without their ends, a read of 1 MiB at a time; none where there is no object. */
export async function* storedLines(objects: ObjectStore, key: string): AsyncGenerator<string> {
  const size = (await objects.size(key)) ?? 0;
  let rest = Buffer.alloc(0);
  for (let at = 0; at < size; at += READ_BYTES) {
    const read = await objects.get(key, { start: at, end: Math.min(at + READ_BYTES, size) });
    const bytes = Buffer.concat([rest, read ?? new Uint8Array()]);
    const whole = bytes.lastIndexOf(LF) + 1;
    for (const line of bytes.toString('utf8', 0, whole).split('\n')) if (line !== '') yield line;
    rest = bytes.subarray(whole);
  }
  if (rest.length > 0) yield rest.toString();
}
