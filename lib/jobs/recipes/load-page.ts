import { open, realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { type JobContext, PermanentError, RetryableError } from '../../index.ts';
import { decodePage } from './decode.ts';
import { said } from './json.ts';
import type { PageRecord } from './record.ts';

/** A page's text and where it came from. */
export interface LoadedPage {
  html: string;
  /** Its address, after redirects. */
  address: URL;
}

/** The longest page, of any source: the largest real ones have 4 MiB. */
export const MAX_PAGE_BYTES = 10 * 1024 * 1024;

/** What a page must be; servers that say nothing, or only that it is text, are believed. */
const READABLE =
  /^(?:text\/(?:html|plain|xml)|application\/(?:xhtml\+xml|xml|json|ld\+json|octet-stream))\b/i;

/**
 * The page of a record: its own text, a saved file, or the answer of its address.
 * @throws PermanentError `PAGE_TOO_LARGE`, `NO_FILE`, `FILE_IN_CLOUD`, `NOT_HTML`, `HTTP_<status>`; RetryableError
 * `TOO_MANY_REQUESTS`, `SERVER_ERROR`; and what `ctx.http` throws
 */
export async function loadPage(
  record: PageRecord,
  { context, folder }: { context: Pick<JobContext, 'http'>; folder: string | undefined },
): Promise<LoadedPage> {
  const { url, html, file } = record;
  const address = new URL(url);
  if (html !== undefined) {
    requireSize(Buffer.byteLength(html), 'The page of the record');
    return { html, address };
  }
  if (file === undefined) return fetchPage(address, context);
  return { html: decodePage(await readFile(file, folder)), address };
}

async function fetchPage(address: URL, { http }: Pick<JobContext, 'http'>): Promise<LoadedPage> {
  const { status, headers, bytes, url } = await http.request(address, {
    headers: { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.5' },
  });
  const place = `${address.origin}${address.pathname}`;
  if (status === 429 || status === 408 || status >= 500) {
    // Without the answer's own date there is no telling how far away a date is: outcomes hold no clock of ours.
    const asked = RetryableError.waitMs({ status, headers }, Number.NaN);
    throw new RetryableError(`${place} answered ${status}.`, {
      code: status === 429 ? 'TOO_MANY_REQUESTS' : 'SERVER_ERROR',
      retryAfterMs: asked === undefined || Number.isNaN(asked) ? undefined : asked,
    });
  }
  if (status !== 200) {
    throw new PermanentError(`${place} answered ${status}.`, { code: `HTTP_${status}` });
  }
  const type = headers['content-type'] ?? '';
  if (type !== '' && !READABLE.test(type.trim())) {
    throw new PermanentError(`${place} answered with ${said(type)}, which is no page.`, {
      code: 'NOT_HTML',
    });
  }
  return { html: decodePage(bytes, type), address: new URL(url) };
}

async function readFile(file: string, folder: string | undefined): Promise<Uint8Array> {
  if (folder === undefined) {
    throw new PermanentError(
      `The record names a file (${said(file)}): a function has no files of yours. Put the page into the record as html.`,
      { code: 'FILE_IN_CLOUD' },
    );
  }
  try {
    const path = await realpath(resolve(folder, file));
    const root = await realpath(folder);
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) {
      throw noFile(file, 'lies outside of the folder of pages');
    }
    const handle = await open(path);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw noFile(file, 'is no file');
      requireSize(stat.size, `The page ${said(file)}`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === 'ENOENT' || code === 'ENOTDIR') throw noFile(file, 'is not there');
    throw error;
  }
}

const noFile = (file: string, why: string): PermanentError =>
  new PermanentError(
    `The saved page ${said(file)} ${why}. Paths are relative to the option pages, a folder.`,
    { code: 'NO_FILE' },
  );

function requireSize(bytes: number, what: string): void {
  if (bytes <= MAX_PAGE_BYTES) return;
  throw new PermanentError(`${what} has ${bytes} bytes; a page has at most ${MAX_PAGE_BYTES}.`, {
    code: 'PAGE_TOO_LARGE',
  });
}
