import { createHash } from 'node:crypto';
import { SluiceError } from '../core/errors.ts';
import type { BoundSource } from './source.ts';

/** One object or file that a manifest names. */
export interface ManifestEntry {
  /** Line of the manifest, from 1. */
  line: number;
  /** As it was written: a path, a key, or `s3://bucket/key`. */
  name: string;
  size?: number;
  /** Of the object as S3 gives it, without quotes. */
  etag?: string;
  /** Hexadecimal, of its bytes as stored. */
  sha256?: string;
}

/** Sources that one batch may have: their pins are one object of about 150 bytes each. */
const MAX_ENTRIES = 100_000;
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

const NAME = /(^|[\\/])[^\\/]+\.manifest\.(jsonl|ndjson|txt)$/;

/** A manifest is known by its name: `x.manifest.jsonl`, `.manifest.ndjson`, `.manifest.txt`. */
export const isManifestName = (name: string): boolean => NAME.test(name);

/** Asked before a manifest is read as a whole. Throws a SluiceError `BAD_INPUT`. */
export function checkManifestSize(name: string, bytes: number): void {
  if (bytes <= MAX_MANIFEST_BYTES) return;
  throw bad(`${name} has ${bytes} bytes; a manifest may have ${MAX_MANIFEST_BYTES}`);
}

/**
 * The entries of a manifest in their order, which is the order of the items. A line is a JSON object (`key`
 * or `path`, and optionally `size`, `etag`, `sha256`) or a plain name; blank lines are none.
 * Throws a SluiceError `BAD_INPUT` that names the line, the field, the rule and the value.
 */
export function parseManifest(name: string, bytes: Uint8Array): ManifestEntry[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad(`${name} is not UTF-8`);
  }
  const entries: ManifestEntry[] = [];
  const seen = new Map<string, number>();
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line.trim() === '') continue;
    const entry = entryOf(`${name} line ${at + 1}`, at + 1, line);
    const before = seen.get(entry.name);
    if (before !== undefined) {
      throw bad(`${name} line ${at + 1}: ${entry.name} is named before, in line ${before}`);
    }
    seen.set(entry.name, at + 1);
    entries.push(entry);
    if (entries.length > MAX_ENTRIES) {
      throw bad(`${name} names more than ${MAX_ENTRIES} objects: cut it into several manifests`);
    }
  }
  if (entries.length === 0) throw bad(`${name} names no object`);
  return entries;
}

function entryOf(place: string, line: number, text: string): ManifestEntry {
  if (!text.trimStart().startsWith('{')) return { line, name: text };
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw bad(`${place} is no JSON: ${(error as Error).message}`);
  }
  const { key, path, size, etag, sha256 } = value;
  const name = key ?? path;
  if (typeof name !== 'string' || name === '' || (key !== undefined && path !== undefined)) {
    throw bad(`${place} must have key or path, a text; got ${shown(name)}`);
  }
  if (size !== undefined && !(Number.isSafeInteger(size) && Number(size) >= 0)) {
    throw bad(`${place}: size must be a whole number of bytes from 0 on; got ${shown(size)}`);
  }
  const tag = typeof etag === 'string' ? etag.replace(/^"(.*)"$/, '$1') : etag;
  if (tag !== undefined && (typeof tag !== 'string' || !/^[\x21-\x7e]+$/.test(tag))) {
    throw bad(`${place}: etag must be a text without blanks; got ${shown(etag)}`);
  }
  const digest = typeof sha256 === 'string' ? sha256.toLowerCase() : sha256;
  if (digest !== undefined && (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))) {
    throw bad(`${place}: sha256 must be 64 hexadecimal digits; got ${shown(sha256)}`);
  }
  return {
    line,
    name,
    ...(size === undefined ? {} : { size: Number(size) }),
    ...(tag === undefined ? {} : { etag: tag }),
    ...(digest === undefined ? {} : { sha256: digest }),
  };
}

/**
 * Compares an object with what the manifest says about it. A SHA-256 is proved by reading it once.
 * Throws a SluiceError `INPUT_CHANGED` that names the object, what was told and what it is.
 */
export async function checkEntry(
  manifest: string,
  entry: ManifestEntry,
  { pin, stream }: Pick<BoundSource, 'pin' | 'stream'>,
): Promise<void> {
  const place = `${manifest} line ${entry.line}: ${entry.name}`;
  if (entry.size !== undefined && entry.size !== pin.bytes) {
    throw changed(`${place} has ${pin.bytes} bytes; the manifest says ${entry.size}`);
  }
  if (entry.sha256 === undefined) return;
  const hash = createHash('sha256');
  for await (const bytes of stream()) hash.update(bytes);
  const found = hash.digest('hex');
  if (found !== entry.sha256) {
    throw changed(`${place} has the SHA-256 ${found}; the manifest says ${entry.sha256}`);
  }
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? 'nothing';

const bad = (message: string): SluiceError =>
  new SluiceError('BAD_INPUT', `${message}.`, { hint: 'Mend the manifest; nothing was started.' });

const changed = (message: string): SluiceError =>
  new SluiceError('INPUT_CHANGED', `${message}.`, {
    hint: 'Bring the object back, or write the manifest anew.',
  });
