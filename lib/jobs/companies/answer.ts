import { PermanentError, RetryableError, UnavailableError } from '../../index.ts';
import { isPart, type Part } from './company.ts';

/** What the register answered. */
export interface Answer {
  status: number;
  header(name: string): string | undefined;
  body: string;
}

/** One page of a search, or one unit. */
export interface Found {
  /** Head offices of a search. */
  offices: Part[];
  /** The unit of `GET /siren/<siren>`. */
  unit: Part | undefined;
  /** How many a search has in all its pages. */
  total: number | undefined;
  cursor: string | undefined;
  next: string | undefined;
}

/** What an answer says, where it is no fault: something, nothing, or why one company is not to be had. */
export type Said = { found: Found } | { none: string } | { duplicateOf: string | undefined };

/**
 * Reads an answer of Sirene 3.11. Its status codes are those of INSEE's API description; 413 and 414 come from the
 * gateway before it. A 429 is for the caller, who waits.
 * @param rows how many companies were asked for
 * @throws UnavailableError where the batch has to stop (a key that is refused, an address that is no Sirene API, a
 * server that is down for a thousand rows), RetryableError for a server that is down for one, PermanentError else
 */
export function readAnswer(answer: Answer, rows: number): Said {
  const { status, body } = answer;
  const json = parsed(body);
  const header = isPart(json) && isPart(json['header']) ? json['header'] : undefined;
  const words = typeof header?.['message'] === 'string' ? `: ${cut(header['message'])}` : '';
  switch (status) {
    case 200:
      return { found: foundIn(json, header, body) };
    case 301:
      return { duplicateOf: successorOf(answer, words) };
    case 403:
      // Of Sirene: the right to see this unit. Of the gateway: the key's right to the API.
      if (header === undefined) throw refused(status);
      return { none: 'not public' };
    case 404:
      if (header === undefined) throw noApi(status, body);
      return { none: 'not in Sirene' };
    case 401:
      throw refused(status);
    case 400:
      throw new PermanentError(`Sirene refused the query (400)${words}.`, { code: 'BAD_QUERY' });
    case 413:
    case 414:
      throw new PermanentError(
        `A query for ${rows} companies is too long for the server (${status}): start with a smaller per-call.`,
        { code: 'QUERY_TOO_LONG' },
      );
    default:
      if (status >= 500 || status === 408) throw down(status, rows);
      if (status >= 300 && status < 400) throw noApi(status, body);
      throw new PermanentError(`Sirene answered ${status}${words}.`, { code: `HTTP_${status}` });
  }
}

function foundIn(json: unknown, header: Part | undefined, body: string): Found {
  const offices = isPart(json) ? json['etablissements'] : undefined;
  const unit = isPart(json) ? json['uniteLegale'] : undefined;
  const known = Array.isArray(offices) ? offices.every(isOffice) : isPart(unit);
  if (!known || header === undefined) {
    throw new PermanentError(`Sirene answered with no companies: ${cut(body)}`, {
      code: 'BAD_RESPONSE',
    });
  }
  const total = Number(header['total']);
  return {
    offices: Array.isArray(offices) ? offices : [],
    unit: isPart(unit) ? unit : undefined,
    total: Number.isInteger(total) ? total : undefined,
    cursor: textOf(header['curseur']),
    next: textOf(header['curseurSuivant']),
  };
}

const isOffice = (value: unknown): boolean =>
  isPart(value) && typeof value['siren'] === 'string' && typeof value['siret'] === 'string';

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** The SIREN that goes on: in the address to ask instead, or in the message. */
const successorOf = (answer: Answer, words: string): string | undefined =>
  /(?:^|\D)(\d{9})(?:\D|$)/.exec(answer.header('location') ?? '')?.[1] ??
  [...words.matchAll(/(?:^|\D)(\d{9})(?=\D|$)/g)].at(-1)?.[1];

const refused = (status: number): UnavailableError =>
  new UnavailableError(
    `Sirene refused the key (${status}): it is wrong, expired, or has no subscription to the API. Set the secret anew, then resume.`,
    { code: 'KEY_REFUSED', retry: false },
  );

const noApi = (status: number, body: string): UnavailableError =>
  new UnavailableError(
    `The server answered ${status}, not as Sirene does: ${cut(body)} Is the option base the address of the API?`,
    { code: 'NOT_SIRENE', retry: false },
  );

/** One company may be what the server fails on, and fails alone; a thousand rows are not blamed. */
function down(status: number, rows: number): Error {
  const message = `Sirene answered ${status}.`;
  if (rows === 1) return new RetryableError(message, { code: 'SERVER_ERROR' });
  return new UnavailableError(message, { code: 'SERVER_ERROR' });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const cut = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
};
