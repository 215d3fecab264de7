import { PermanentError } from '../../index.ts';
import { getJson, type HttpRequest, httpUrl } from './http.ts';
import { isObject, type ObjectOf, said } from './json.ts';

/** A CaSS server (cassproject.org), as an option or a job file names it. */
export interface CassServer {
  /** Base of its API, such as https://cass.example.org/api. */
  url: string;
  /** Bounds one call. */
  timeoutMs: number;
}

export interface CassCall {
  signal: AbortSignal;
  token: string | undefined;
  /** Whether a competency is one of the framework's. */
  knows(competency: string): boolean;
}

/** Most results that CaSS gives to one search (its API description, parameter `size`). */
const MAX_ASSERTIONS = 10_000;
/** An assertion with its owner's keys has some 3 KB: 10,000 of them fit. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Checks the base of an API. Throws an Error that says what it must be. */
export function cassUrl(text: string): string {
  const url = httpUrl(text, 'the base of a CaSS API, such as https://cass.example.org/api');
  if (url.search !== '' || url.hash !== '') {
    throw new Error(`must end before any ? or #; got ${said(text)}.`);
  }
  return url.href.replace(/\/+$/, '');
}

/**
 * The assertions about an agent, in the form that records have them. One call; a second one where there is
 * none, to tell an agent without assertions from one that does not exist. Left out, as CaSS's own profile
 * does: assertions about others that the search found too, and about competencies of other frameworks.
 * @param agent the `subject` as assertions name it: a person's id or public key
 * @throws PermanentError `UNKNOWN_AGENT`, `ENCRYPTED`, `TOO_MANY_ASSERTIONS`, `BAD_RESPONSE`, `NOT_FOUND`,
 * and what `getBytes` throws
 */
export async function fetchAssertions(
  server: CassServer,
  agent: string,
  call: CassCall,
): Promise<unknown[]> {
  const search = new URL(`${server.url}/data/`);
  search.searchParams.set('q', `@type:Assertion AND subject:${phrase(agent)}`);
  search.searchParams.set('index_hint', '*assertion');
  search.searchParams.set('size', String(MAX_ASSERTIONS));
  const found = await getJson(requestOf(server, search, call));
  if (found === undefined) {
    throw new PermanentError(
      `${server.url}/data/ answered 404: it is no CaSS API. Give its base, such as https://cass.example.org/api.`,
      { code: 'NOT_FOUND' },
    );
  }
  if (!Array.isArray(found)) {
    const message = `${server.url}/data/ must answer with a list; got ${said(found)}.`;
    throw new PermanentError(message, { code: 'BAD_RESPONSE' });
  }
  if (found.length >= MAX_ASSERTIONS) {
    const message = `${server.url}/data/ knows ${MAX_ASSERTIONS} assertions about the agent or more, and gives no others.`;
    throw new PermanentError(message, { code: 'TOO_MANY_ASSERTIONS' });
  }
  const own = found.filter(
    (value): value is ObjectOf => isObject(value) && value['subject'] === agent,
  );
  if (own.length === 0) await requireAgent(server, agent, call);
  return own.flatMap((value) => assertionOf(value, call.knows));
}

const requestOf = (server: CassServer, url: URL, { signal, token }: CassCall): HttpRequest => ({
  url,
  timeoutMs: server.timeoutMs,
  maxBytes: MAX_BYTES,
  signal,
  token,
});

/** A phrase of Elasticsearch's query strings: within quotes only these two have a meaning. */
const phrase = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** A public key is its own proof; a person has a record, found by the last step of its id. */
async function requireAgent(server: CassServer, agent: string, call: CassCall): Promise<void> {
  if (agent.startsWith('-----BEGIN')) return;
  const uid = agent.replace(/\/+$/, '').split('/').at(-1) as string;
  const path = `/data/schema.org.Person/${encodeURIComponent(uid)}`;
  const url = new URL(`${server.url}${path}`);
  if ((await getJson(requestOf(server, url, call))) !== undefined) return;
  throw new PermanentError(
    `${server.url} knows no assertion about ${said(agent)}, and answered 404 for ${path}.`,
    { code: 'UNKNOWN_AGENT' },
  );
}

/** CaSS keeps these encrypted for their readers, unless they were written for everybody. */
const FIELDS = [
  'competency',
  'level',
  'confidence',
  'assertionDate',
  'expirationDate',
  'negative',
] as const;

function assertionOf(value: ObjectOf, knows: CassCall['knows']): ObjectOf[] {
  const id = value['@id'];
  const assertion: Record<string, unknown> = id === undefined ? {} : { id };
  for (const field of FIELDS) {
    const given = value[field];
    if (isObject(given) && 'payload' in given) {
      throw new PermanentError(
        `Assertion ${said(id)}: ${field} is encrypted for its readers, and Sluice holds no keys.`,
        { code: 'ENCRYPTED' },
      );
    }
    if (given !== undefined) assertion[field] = plain(field, given);
  }
  const { competency } = assertion;
  if (typeof competency !== 'string') return [assertion];
  const name = namesOf(competency).find(knows);
  return name === undefined ? [] : [{ ...assertion, competency: name }];
}

/**
 * Names by which a framework may know a competency: its id; without the version, a time stamp, that may end it;
 * the last step of that; and without `ce-`, as CaSS's own CASE export has it (cartridge/adapter/caseAdapter.js).
 */
function namesOf(competency: string): string[] {
  const id = competency.replace(/\/\d+$/, '');
  const uid = id.split('/').at(-1) as string;
  return [competency, id, uid, uid.replace(/^ce-/, '')];
}

/** What was decrypted once is text: "1675901084853", "true". */
function plain(field: (typeof FIELDS)[number], value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (field === 'negative') return { true: true, false: false }[value.toLowerCase()] ?? value;
  const number = field === 'confidence' || field.endsWith('Date');
  return number && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}
