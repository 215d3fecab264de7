import { SluiceError } from '../../core/errors.ts';

/** S3 user guide, "Naming Amazon S3 objects": 1,024 bytes of UTF-8. */
const KEY_BYTES = 1024;

/** Throws a SluiceError `STORE` for a key that S3 cannot take. */
export function checkKey(key: string): void {
  const reason = faultOf(key);
  if (reason === undefined) return;
  const shown = JSON.stringify(key.slice(0, 100));
  throw new SluiceError('STORE', `the object key ${shown} cannot be stored: ${reason}`, {
    hint: 'give the batch or the file another name',
  });
}

function faultOf(key: string): string | undefined {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0) return 'it is empty';
  if (bytes > KEY_BYTES) return `it has ${bytes} bytes, more than ${KEY_BYTES}`;
  return /\p{Surrogate}/u.test(key) ? 'it holds half of a surrogate pair' : undefined;
}

/**
 * A key as ListObjectsV2 gives it with `EncodingType: url` (without it XML loses control characters). A blank is `+`
 * there and a plus is `%2B`.
 */
export const decodeListed = (key: string): string => decodeURIComponent(key.replaceAll('+', ' '));

const TYPES: readonly (readonly [ending: string, type: string])[] = [
  ['.html', 'text/html; charset=utf-8'],
  ['.json', 'application/json'],
  ['.jsonl', 'application/x-ndjson'],
  ['.mjs', 'text/javascript; charset=utf-8'],
  ['.gz', 'application/gzip'],
];

/** A report opened through S3's console or a presigned URL is shown, not downloaded. */
export const contentType = (key: string): string =>
  TYPES.find(([ending]) => key.endsWith(ending))?.[1] ?? 'application/octet-stream';
