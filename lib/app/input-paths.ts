import { existsSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { SluiceError } from '../core/errors.ts';
import type { SourcePin } from '../core/records.ts';
import { fileSource, pinFile } from '../io/local-file.ts';
import {
  checkEntry,
  checkManifestSize,
  isManifestName,
  type ManifestEntry,
  parseManifest,
} from '../io/manifest.ts';

export interface PinOptions {
  /** Default: the files that a manifest names. An upload takes the manifest itself. */
  manifests?: 'as files';
}

/** The files that one input names, pinned: a file, a folder, a pattern, or a manifest. */
export async function pinInput(input: string, { manifests }: PinOptions): Promise<SourcePin[]> {
  if (/^s3:\/\//.test(input)) {
    throw new SluiceError('USAGE', `${input} is in S3; a local run reads files.`, {
      hint: 'Give it to a stack: sluice submit <job> s3://<UploadBucket>/data/... --stack <name>. Or fetch it: aws s3 sync.',
    });
  }
  const isFile = existsSync(input) && !statSync(input).isDirectory();
  if (isFile && manifests === undefined && isManifestName(input)) return pinManifest(input);
  const paths = await pathsOf(input);
  return Promise.all(paths.map((path) => pinFile(resolve(path))));
}

async function pathsOf(input: string): Promise<string[]> {
  if (existsSync(input)) return statSync(input).isDirectory() ? filesUnder(input) : [input];
  if (!isDynamicPattern(input)) {
    throw new SluiceError('NOT_FOUND', `There is no file ${input}.`, { hint: 'Check the path.' });
  }
  const found = await glob(input, { onlyFiles: true, expandDirectories: false, dot: false });
  if (found.length > 0) return found.sort();
  throw new SluiceError('NOT_FOUND', `No file matches the pattern '${input}'.`, {
    hint: 'Patterns know *, **, ?, [a-z] and {a,b}; quote them so that the shell leaves them alone.',
  });
}

/** All files below a folder, by the bytes of their paths: the order in which S3 lists the same keys. */
async function filesUnder(folder: string): Promise<string[]> {
  const found = await glob('**', { cwd: folder, onlyFiles: true, dot: false });
  if (found.length === 0) {
    throw new SluiceError('BAD_INPUT', `${folder} is a folder without files.`, {
      hint: 'Files whose name begins with a dot do not count.',
    });
  }
  return found
    .map((path) => ({ path, bytes: Buffer.from(path) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ path }) => join(folder, path));
}

/** Manifest entries that are looked at side by side. */
const AT_ONCE = 32;

async function pinManifest(manifest: string): Promise<SourcePin[]> {
  const name = basename(manifest);
  checkManifestSize(name, (await stat(manifest)).size);
  const entries = parseManifest(name, await readFile(manifest));
  const pins: SourcePin[] = [];
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const group = entries.slice(at, at + AT_ONCE);
    pins.push(...(await Promise.all(group.map((entry) => pinEntry(manifest, entry)))));
  }
  return pins;
}

/** Paths of a manifest are relative to its folder, so that both can be moved. */
async function pinEntry(manifest: string, entry: ManifestEntry): Promise<SourcePin> {
  const name = basename(manifest);
  const place = `${name} line ${entry.line}`;
  if (entry.etag !== undefined) {
    throw new SluiceError(
      'BAD_INPUT',
      `${place}: an etag is of an object in S3; ${entry.name} is a file.`,
      {
        hint: 'Leave it out, or give sha256 instead.',
      },
    );
  }
  let pin: SourcePin;
  try {
    pin = await pinFile(resolve(dirname(manifest), entry.name));
  } catch (error) {
    const { code, message, hint = 'Check the path.' } = error as SluiceError;
    if (code !== 'NOT_FOUND' && code !== 'BAD_INPUT') throw error;
    throw new SluiceError(code, `${place}: ${message}`, { hint, cause: error });
  }
  await checkEntry(name, entry, fileSource(pin));
  return pin;
}
