import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { ObjectStore } from '../../ports/object-store.ts';
import { asking, awsError, nameOf } from './errors.ts';
import { checkKey, contentType, decodeListed } from './object-key.ts';
import { rangeHeader } from './object-range.ts';

export interface AwsObjectStoreOptions {
  client: S3Client;
  bucket: string;
}

/** From here on an object goes up in parts of this size, so that a lost connection repeats one part only. */
const PART_BYTES = 8 * 1024 * 1024;
/** Parts in flight: memory is 2 x 8 MiB and what the source reads ahead. */
const PARTS_AT_ONCE = 2;
/** A body that breaks off is not the SDK's to repeat: its call was answered. */
const BODY_TRIES = 3;

/**
 * Objects of one bucket. S3 shows an object whole or not at all: a single put has its length and CRC32, parts are
 * joined by one last call, and a failed upload is aborted. Faults are SluiceErrors `STORE` that name the object.
 */
export function awsObjectStore(options: AwsObjectStoreOptions): ObjectStore {
  const { client, bucket } = options;
  return {
    async put(key, body) {
      checkKey(key);
      await putBody(options, key, body);
    },
    async get(key, range) {
      checkKey(key);
      const header = rangeHeader(range);
      if (header === null) {
        return (await sizeOf(options, key)) === undefined ? undefined : new Uint8Array(0);
      }
      return getBytes(options, key, header);
    },
    async size(key) {
      checkKey(key);
      return sizeOf(options, key);
    },
    list: (prefix) => listKeys(options, prefix),
    async delete(key) {
      checkKey(key);
      await asking(`cannot delete ${nameIn(bucket, key)}`, () =>
        client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })),
      );
    },
  };
}

const nameIn = (bucket: string, key: string): string => `object ${key} of bucket ${bucket}`;

type Body = Parameters<ObjectStore['put']>[1];

async function putBody(
  { client, bucket }: AwsObjectStoreOptions,
  key: string,
  body: Body,
): Promise<void> {
  const place = { Bucket: bucket, Key: key, ContentType: contentType(key) };
  // A fault of the source is the caller's own: it is thrown as it is.
  const source = piecesOf(body);
  const { pieces, ended } = await head(source);
  try {
    if (ended) {
      const bytes = Buffer.concat(pieces);
      await client.send(new PutObjectCommand({ ...place, Body: bytes }));
      return;
    }
    const stream = Readable.from(chain(pieces, source), { objectMode: true, highWaterMark: 1 });
    const params = { ...place, Body: stream };
    const upload = { client, params, partSize: PART_BYTES, queueSize: PARTS_AT_ONCE };
    // Destroyed in any case: an upload that fails leaves its source open.
    await new Upload(upload).done().finally(() => stream.destroy());
  } catch (fault) {
    throw source.fault ?? awsError(fault, `cannot store ${nameIn(bucket, key)}`);
  }
}

interface Pieces extends AsyncIterableIterator<Buffer> {
  /** What the source threw. */
  fault?: unknown;
}

/** Copies what is streamed: its source may fill one buffer anew while parts wait to be sent. */
function piecesOf(body: Body): Pieces {
  const whole = body instanceof Uint8Array ? [body] : body;
  const streamed = Symbol.asyncIterator in whole;
  const source = streamed ? whole[Symbol.asyncIterator]() : whole[Symbol.iterator]();
  const read = async function* (): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const { done, value } = await next();
        if (done) return;
        yield streamed ? Buffer.from(value) : viewOf(value);
      }
    } finally {
      await source.return?.();
    }
  };
  // Not a catch around the loop: a stream that is destroyed throws its own error into it.
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      return await source.next();
    } catch (fault) {
      pieces.fault = fault;
      throw fault;
    }
  };
  const pieces: Pieces = read();
  return pieces;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** The first 8 MiB, and whether that was all. */
async function head(source: Pieces): Promise<{ pieces: Buffer[]; ended: boolean }> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  while (bytes <= PART_BYTES) {
    const { done, value } = await source.next();
    if (done) return { pieces, ended: true };
    pieces.push(value);
    bytes += value.length;
  }
  return { pieces, ended: false };
}

async function* chain(first: readonly Buffer[], rest: Pieces): AsyncGenerator<Buffer> {
  yield* first;
  yield* rest;
}

async function getBytes(
  options: AwsObjectStoreOptions,
  key: string,
  range: string | undefined,
): Promise<Uint8Array | undefined> {
  for (let tries = 1; ; tries += 1) {
    const found = await getObject(options, key, range);
    if (found === undefined) return undefined;
    if (found === 'beyond') {
      if (!range?.startsWith('bytes=-')) return new Uint8Array(0);
      // The last bytes of an empty object; some stores also refuse more bytes than there are. The whole, in both cases.
      return getBytes(options, key, undefined);
    }
    try {
      return (await found.Body?.transformToByteArray()) ?? new Uint8Array(0);
    } catch (fault) {
      if (tries === BODY_TRIES) throw awsError(fault, `cannot read ${nameIn(options.bucket, key)}`);
    }
  }
}

/** By a range of one byte, as HEAD has no body to tell an absent object from an absent bucket. */
async function sizeOf(options: AwsObjectStoreOptions, key: string): Promise<number | undefined> {
  const found = await getObject(options, key, 'bytes=0-0');
  if (found === undefined) return undefined;
  if (found === 'beyond') return 0;
  await found.Body?.transformToByteArray();
  return Number(found.ContentRange?.split('/')[1]);
}

/** Undefined when there is none, 'beyond' when the range has no byte in it (416). */
async function getObject(
  { client, bucket }: AwsObjectStoreOptions,
  key: string,
  range: string | undefined,
): Promise<GetObjectCommandOutput | 'beyond' | undefined> {
  const command = new GetObjectCommand({
    Bucket: bucket,
    Key: key,
    ...(range === undefined ? {} : { Range: range }),
  });
  try {
    return await client.send(command);
  } catch (fault) {
    if (nameOf(fault) === 'NoSuchKey') return undefined;
    if (nameOf(fault) === 'InvalidRange') return 'beyond';
    throw awsError(fault, `cannot read ${nameIn(bucket, key)}`);
  }
}

/** Pages of 1,000; a general purpose bucket gives them in UTF-8 binary order (S3 user guide, "Listing object keys"). */
async function* listKeys(
  { client, bucket }: AwsObjectStoreOptions,
  prefix: string,
): AsyncGenerator<string> {
  let token: string | undefined;
  do {
    const page = await asking(`cannot list ${prefix} in bucket ${bucket}`, () =>
      client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          EncodingType: 'url',
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      ),
    );
    const decode = page.EncodingType === 'url' ? decodeListed : (key: string): string => key;
    for (const { Key: key = '' } of page.Contents ?? []) yield decode(key);
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
