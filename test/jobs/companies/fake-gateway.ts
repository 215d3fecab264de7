import type { Part } from '../../../lib/jobs/companies/company.ts';
import { kindOf, officeOf, successorOf, unitOf } from './fake-register.ts';

export interface Asked {
  method: string;
  /** Behind the base: `/siret?q=...`. */
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
}

export interface Answered {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface GatewayOptions {
  /** Calls that any rolling window of `windowMs` allows. */
  calls: number;
  windowMs: number;
  /** Milliseconds since 1970, on the gateway's clock. */
  now(): number;
  /** The key that is let in. */
  key: string;
  /** Rows of a page at most, whatever is asked for. */
  pageSize?: number;
  /** Searches do not say how many rows there are: the end is an empty page whose next cursor is its own. */
  noTotal?: boolean;
  /** Every company is there and plain. */
  plain?: boolean;
  /** How it says that the quota is used up: the gateway of today, or the one before it with its `nextAccessTime`. */
  refusal?: 'gravitee' | 'wso2';
  /** What a call gets instead of the real answer; `call` counts those let in, from 1. */
  fault?: (asked: Asked, call: number) => Answered | undefined;
}

export interface GatewayStats {
  /** Calls let in, those refused for the quota (429), and the most in any rolling window, refused ones too. */
  calls: number;
  refused: number;
  most: number;
  /** Companies that were given out. */
  companies: number;
  /** Answers by status. */
  statuses: Record<string, number>;
}

/** The gateway and the API behind it, without a network: strict where the real ones are. */
export interface Gateway {
  answer(asked: Asked): Answered;
  stats(): GatewayStats;
}

/** A URL that the gateway refuses (414), and a form (413). */
const [MAX_PATH, MAX_FORM] = [2_000, 64_000];
const KEY_HEADER = 'x-insee-api-key-integration';

export function newGateway(options: GatewayOptions): Gateway {
  const { calls, windowMs, now, key } = options;
  const window = newWindow(windowMs);
  const stats: GatewayStats = { calls: 0, refused: 0, most: 0, companies: 0, statuses: {} };

  const answerTo = (asked: Asked): Answered => {
    if (asked.headers[KEY_HEADER] !== key) {
      return json(401, { message: 'Unauthorized', http_status_code: 401 });
    }
    const at = now();
    const before = window.count(at);
    stats.most = Math.max(stats.most, before + 1);
    if (before >= calls) {
      stats.refused += 1;
      return refusal(options, window.freeAt(at), at);
    }
    window.take(at);
    stats.calls += 1;
    const injected = options.fault?.(asked, stats.calls);
    if (injected !== undefined) return injected;
    if (asked.path.length > MAX_PATH) return text(414, 'Request-URI Too Long');
    if (asked.body.length > MAX_FORM) return text(413, 'Payload Too Large');
    return register(asked, options);
  };

  return {
    answer(asked) {
      const answered = answerTo(asked);
      stats.statuses[answered.status] = (stats.statuses[answered.status] ?? 0) + 1;
      stats.companies += Number(answered.headers['x-rows'] ?? 0);
      return answered;
    },
    stats: () => ({ ...stats, statuses: { ...stats.statuses } }),
  };
}

/** Times of the last window, in a list that forgets what is older. */
function newWindow(windowMs: number) {
  let times: number[] = [];
  let from = 0;
  return {
    count(at: number): number {
      while (from < times.length && at - (times[from] as number) >= windowMs) from += 1;
      if (from > 10_000) {
        times = times.slice(from);
        from = 0;
      }
      return times.length - from;
    },
    take: (at: number): void => void times.push(at),
    freeAt: (at: number): number => (times[from] ?? at) + windowMs,
  };
}

function refusal({ calls, windowMs, refusal: style }: GatewayOptions, freeAt: number, at: number) {
  if (style === 'wso2') {
    const [date = '', time = ''] = new Date(Math.ceil(freeAt / 1000) * 1000)
      .toISOString()
      .split('T');
    const [year, month, day] = date.split('-');
    const next = `${year}-${MONTHS[Number(month) - 1]}-${day} ${time.slice(0, 8)}+0000 UTC`;
    const description = 'You have exceeded your quota .You can access API after ';
    return json(
      429,
      {
        fault: {
          code: 900_804,
          message: 'Message throttled out',
          description: `${description}${next}`,
          nextAccessTime: next,
        },
      },
      { date: new Date(at).toUTCString() },
    );
  }
  return text(
    429,
    `Rate limit exceeded! You reached the limit of ${calls} requests per ${windowMs} ms`,
    {
      'x-rate-limit-limit': String(calls),
      'x-rate-limit-remaining': '0',
      'x-rate-limit-reset': String(Math.ceil(freeAt)),
      date: new Date(at).toUTCString(),
    },
  );
}

/** Months as a gateway with a French locale writes them. */
const MONTHS = 'janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.'.split(' ');

function register(asked: Asked, options: GatewayOptions): Answered {
  const url = new URL(asked.path, 'http://register');
  const [, siren] = /^\/siren\/([^/]*)$/.exec(url.pathname) ?? [];
  if (siren !== undefined && asked.method === 'GET') return unit(siren, options);
  if (url.pathname !== '/siret') return text(404, 'No context-path matches the request URI.');
  const form = asked.method === 'POST' ? new URLSearchParams(asked.body) : url.searchParams;
  return search(form, options);
}

function unit(siren: string, { plain = false }: GatewayOptions): Answered {
  if (!/^\d{9}$/.test(siren)) {
    return sirene(400, `Erreur de syntaxe dans le numéro siren ${siren}`);
  }
  const kind = kindOf(siren, plain);
  if (kind === 'unknown') return sirene(404, `Aucun élément trouvé pour le siren ${siren}`);
  if (kind === 'hidden') return sirene(403, `Unité légale non diffusable (${siren})`);
  if (kind === 'duplicate') {
    const other = successorOf(siren);
    const moved = sirene(301, `Unité légale fermée pour cause de doublon avec ${other}`);
    return { ...moved, headers: { ...moved.headers, location: `/api-sirene/3.11/siren/${other}` } };
  }
  return json(200, { header: { statut: 200, message: 'OK' }, uniteLegale: unitOf(siren) }, ROW);
}

const ROW = { 'x-rows': '1' };

/** Only what the job asks: head offices of some companies. Anything else is a mistake that the test should see. */
function search(form: URLSearchParams, options: GatewayOptions): Answered {
  const q = form.get('q') ?? '';
  const count = Number(form.get('nombre') ?? 20);
  const [, any = ''] =
    /^\((siren:\d{9}(?: OR siren:\d{9})*)\) AND etablissementSiege:true$/.exec(q) ?? [];
  if (any === '') return sirene(400, `Erreur de syntaxe dans le paramètre q=${q.slice(0, 100)}`);
  if (!Number.isInteger(count) || count < 0 || count > 1000) {
    return sirene(400, `Erreur de syntaxe dans le paramètre nombre : ${form.get('nombre')}`);
  }
  const sirens = [...new Set(any.split(' OR ').map((term) => term.slice('siren:'.length)))].sort();
  const offices = sirens.flatMap((siren): Part[] => {
    const office = officeOf(siren, options.plain);
    return office === undefined ? [] : [office];
  });
  if (offices.length === 0) return sirene(404, 'Aucun élément trouvé pour cette requête');
  return page(offices, { cursor: form.get('curseur') ?? '*', count, form, options });
}

interface Wanted {
  cursor: string;
  count: number;
  form: URLSearchParams;
  options: GatewayOptions;
}

function page(offices: readonly Part[], { cursor, count, form, options }: Wanted): Answered {
  const start = cursor === '*' ? 0 : Number(Buffer.from(cursor, 'base64url').toString());
  if (!Number.isInteger(start)) return sirene(400, 'Erreur de syntaxe dans le paramètre curseur');
  const rows = offices.slice(start, start + Math.min(count, options.pageSize ?? 1000));
  const next = Buffer.from(String(start + rows.length)).toString('base64url');
  const header = {
    statut: 200,
    message: 'OK',
    ...(options.noTotal ? {} : { total: offices.length }),
    debut: 0,
    nombre: rows.length,
    curseur: cursor,
    curseurSuivant: rows.length === 0 ? cursor : next,
  };
  const mask = form.get('masquerValeursNulles') === 'true';
  const body = JSON.stringify({ header, etablissements: rows }, (_, value: unknown) =>
    mask && value === null ? undefined : value,
  );
  return { status: 200, headers: { ...JSON_TYPE, 'x-rows': String(rows.length) }, body };
}

const JSON_TYPE = { 'content-type': 'application/json;charset=utf-8' };

const sirene = (status: number, message: string): Answered =>
  json(status, { header: { statut: status, message } });

export function json(status: number, body: object, headers: Record<string, string> = {}): Answered {
  return { status, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) };
}

export function text(status: number, body: string, headers: Record<string, string> = {}): Answered {
  return { status, headers: { 'content-type': 'text/plain', ...headers }, body };
}
