import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import {
  buildFramework,
  type Competency,
  type Framework,
  type FrameworkSource,
  type Relation,
} from './framework.ts';
import { RELATION_TYPES, type RelationType } from './graph.ts';
import { getBytes } from './http.ts';
import { importCase, isCase } from './import-case.ts';
import { importCtdlAsn, isCtdlAsn } from './import-ctdl-asn.ts';
import { isObject, listOf, type ObjectOf, said, textOf } from './json.ts';

/** Far above any framework (1,000 CASE items are about 1.5 MB), far below a batch's input given by mistake. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Where a framework was read, and what was there. */
export interface FrameworkPin {
  /** Absolute path, or URL. */
  from: string;
  /** SHA-256 of its bytes. */
  digest: string;
}

/** Of a framework that is fetched. */
interface FetchOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * A framework from parsed JSON: Sluice's own form, a CASE package or a CTDL-ASN graph.
 * @throws Error that says which of them it looks like and what is wrong
 */
export function parseFramework(value: unknown): Framework {
  if (!isObject(value)) throw new Error(`a framework must be an object; got ${said(value)}.`);
  if (isCase(value)) return buildFramework(importCase(value));
  if (isCtdlAsn(value)) return buildFramework(importCtdlAsn(value));
  if ('competencies' in value) return buildFramework(ownForm(value));
  throw new Error(
    'it is no framework that is known: it must have competencies and relations (own form), CFItems and ' +
      `CFAssociations (CASE), or @graph (CTDL-ASN); it has ${said(Object.keys(value))}.`,
  );
}

function ownForm(value: ObjectOf): FrameworkSource {
  const competencies = listOf(value, 'competencies').map((competency, at): Competency => {
    if (typeof competency === 'string' && competency !== '') return { id: competency };
    const where = `competencies[${at}]`;
    if (isObject(competency)) return { id: textOf(competency, 'id', where) };
    throw new Error(`${where} must be an id, or an object with one; got ${said(competency)}.`);
  });
  const relations = listOf(value, 'relations', []).map((relation, at): Relation => {
    const where = `relations[${at}]`;
    if (!isObject(relation)) throw new Error(`${where} must be an object; got ${said(relation)}.`);
    const relationType = relation['relationType'] as RelationType;
    if (!RELATION_TYPES.includes(relationType)) {
      throw new Error(
        `${where}.relationType must be one of ${RELATION_TYPES.join(', ')}; got ${said(relationType)}.`,
      );
    }
    const source = textOf(relation, 'source', where);
    return { source, relationType, target: textOf(relation, 'target', where) };
  });
  return { competencies, relations };
}

/** The framework read last: the check of the options and the items of a batch share it. */
let last: { digest: string; framework: Framework } | undefined;

/**
 * Reads a framework from a file or a URL.
 * @param from absolute path, or http(s) URL
 * @throws Error that names where it was read and what is wrong with it; of a fetch, what `getBytes` throws
 */
export async function readFramework(
  from: string,
  options: FetchOptions,
): Promise<FrameworkPin & { framework: Framework }> {
  const bytes = isUrl(from) ? await fetchFramework(from, options) : readBytes(from);
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (last?.digest === digest) return { from, ...last };
  let framework: Framework;
  try {
    framework = parseFramework(parseJson(bytes));
  } catch (error) {
    throw new Error(`framework ${from}: ${(error as Error).message}`, { cause: error });
  }
  last = { digest, framework };
  return { from, digest, framework };
}

export const isUrl = (from: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(from);

/**
 * The framework that a batch was started with, from memory or from where it was read.
 * @throws Error if it is gone or is another one by now
 */
export async function frameworkOf(
  { from, digest }: FrameworkPin,
  options: FetchOptions,
): Promise<Framework> {
  if (last?.digest === digest) return last.framework;
  const found = await readFramework(from, options);
  if (found.digest === digest) return found.framework;
  throw new Error(
    `framework ${from} is not the one that the batch was started with: its SHA-256 was ${digest} and is ` +
      `${found.digest}. Put it back, or start a new batch.`,
  );
}

async function fetchFramework(from: string, options: FetchOptions): Promise<Uint8Array> {
  const bytes = await getBytes({ url: new URL(from), maxBytes: MAX_BYTES, ...options });
  if (bytes !== undefined) return bytes;
  throw new Error(`framework ${from} is not there: the server answered 404.`);
}

function readBytes(file: string): Uint8Array {
  let bytes: number;
  try {
    bytes = statSync(file).size;
    if (bytes <= MAX_BYTES) return readFileSync(file);
  } catch (error) {
    throw new Error(
      `framework ${file} cannot be read: ${(error as Error).message}. Give the path of a JSON file.`,
      { cause: error },
    );
  }
  throw new Error(`framework ${file} must have at most ${MAX_BYTES} bytes; it has ${bytes}.`);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    // A decoder, not toString: it takes a byte order mark off, and refuses what is no UTF-8.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Error(`it is no JSON: ${(error as Error).message}.`, { cause: error });
  }
}
