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
 * ListObjectsV2 as S3 answers it: UTF-8 binary order, pages, common prefixes (each counts as a key), blanks as `+` where `encoding-type=url` is
 * asked for. fauxqs 1.9.2 sorts by locale but pages by code unit, so that a second page loses keys.
 */
export function listObjects(
  all: readonly ListedObject[],
  query: Readonly<Record<string, string | undefined>>,
  pageKeys = PAGE_KEYS,
): string {
  const { prefix = '', delimiter, 'encoding-type': encoding } = query;
  const { 'continuation-token': token, 'start-after': start } = query;
  const most = Math.min(pageKeys, Number(query['max-keys'] ?? PAGE_KEYS));
  const after = token === undefined ? Buffer.from(start ?? '') : Buffer.from(token, 'base64');
  const groups = new Set<string>();
  const found = all
    .filter(({ key }) => key.startsWith(prefix))
    .map((object) => ({ object, bytes: Buffer.from(object.key) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .filter(({ bytes }) => Buffer.compare(bytes, after) > 0)
    .map(({ object, bytes }) => ({ object, bytes, group: groupOf(object.key, prefix, delimiter) }))
    .filter(({ group }) => group === undefined || (!groups.has(group) && groups.add(group)));
  const page = found.slice(0, most);
  const cut = found.length > page.length;
  // Behind all keys of a group.
  const last = page.at(-1);
  const next = (
    last?.group === undefined
      ? (last?.bytes ?? Buffer.alloc(0))
      : Buffer.concat([Buffer.from(last.group), Buffer.from([0xff])])
  ).toString('base64');
  const shown = (key: string): string => (encoding === 'url' ? urlEncoded(key) : escaped(key));
  return [
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>',
    `<IsTruncated>${cut}</IsTruncated>`,
    cut ? `<NextContinuationToken>${next}</NextContinuationToken>` : '',
    encoding === undefined ? '' : `<EncodingType>${escaped(encoding)}</EncodingType>`,
    ...page.map(({ object: { key, etag, lastModified, body }, group }) =>
      group !== undefined
        ? `<CommonPrefixes><Prefix>${shown(group)}</Prefix></CommonPrefixes>`
        : `<Contents><Key>${shown(key)}</Key><LastModified>${lastModified.toISOString()}</LastModified>` +
          `<ETag>${escaped(etag)}</ETag><Size>${body.length}</Size></Contents>`,
    ),
    '</ListBucketResult>',
  ].join('');
}

/** The key up to the delimiter behind the prefix; undefined where there is none. */
function groupOf(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  const at = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + (delimiter as string).length);
}

/** Slashes stay as they are, here and in the events. */
const urlEncoded = (key: string): string =>
  encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');

const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
