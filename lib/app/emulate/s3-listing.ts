/** What a listing tells of an object. */
export interface ListedObject {
  key: string;
  etag: string;
  lastModified: Date;
  body: { length: number };
}

/** S3 answers with at most so many keys at once ("ListObjectsV2", max-keys). */
const PAGE_KEYS = 1000;

/**
 * ListObjectsV2 as S3 answers it: UTF-8 binary order, pages, blanks as `+` where `encoding-type=url` is
 * asked for. fauxqs 1.9.2 sorts by locale but pages by code unit, so that a second page loses keys.
 */
export function listObjects(
  all: readonly ListedObject[],
  query: Readonly<Record<string, string | undefined>>,
  pageKeys = PAGE_KEYS,
): string {
  const { prefix = '', 'encoding-type': encoding, 'continuation-token': token } = query;
  const most = Math.min(pageKeys, Number(query['max-keys'] ?? PAGE_KEYS));
  const after = token === undefined ? undefined : Buffer.from(token, 'base64');
  const found = all
    .filter(({ key }) => key.startsWith(prefix))
    .map((object) => ({ object, bytes: Buffer.from(object.key) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .filter(({ bytes }) => after === undefined || Buffer.compare(bytes, after) > 0);
  const page = found.slice(0, most);
  const cut = found.length > page.length;
  const next = page.at(-1)?.bytes.toString('base64') ?? '';
  const shown = (key: string): string => (encoding === 'url' ? urlEncoded(key) : escaped(key));
  return [
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>',
    `<IsTruncated>${cut}</IsTruncated>`,
    cut ? `<NextContinuationToken>${next}</NextContinuationToken>` : '',
    encoding === undefined ? '' : `<EncodingType>${escaped(encoding)}</EncodingType>`,
    ...page.map(
      ({ object: { key, etag, lastModified, body } }) =>
        `<Contents><Key>${shown(key)}</Key><LastModified>${lastModified.toISOString()}</LastModified>` +
        `<ETag>${escaped(etag)}</ETag><Size>${body.length}</Size></Contents>`,
    ),
    '</ListBucketResult>',
  ].join('');
}

/** Slashes stay as they are, here and in the events. */
export const urlEncoded = (key: string): string =>
  encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');

const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
