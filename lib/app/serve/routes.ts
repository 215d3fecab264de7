import type { IncomingMessage, ServerResponse } from 'node:http';
import { reportKey } from '../../core/keys.ts';
import { hasEnded } from '../../core/transitions.ts';
import type { Home } from '../home.ts';
import { placeOfHome, requireBatch } from '../place.ts';
import { readReport } from '../read-report.ts';
import type { Actions } from './actions.ts';
import type { EventHub } from './events.ts';
import { badField, HttpError } from './http-error.ts';
import type { Look } from './look.ts';
import { PAGE, PAGE_POLICY, REPORT_POLICY } from './page.ts';
import { readBody } from './read-body.ts';
import { streamBatch, streamStatus } from './streams.ts';

export interface RouteContext {
  home: Home;
  look: Look;
  actions: Actions;
  hub: EventHub;
}

export interface Visit {
  request: IncomingMessage;
  response: ServerResponse;
  /** Of the path. */
  id: string;
  query: URLSearchParams;
}

type Handler = (context: RouteContext, visit: Visit) => Promise<void>;

interface Route {
  path: RegExp;
  on: Partial<Record<'GET' | 'POST', Handler>>;
}

const ID = '([^/]+)';
const act = (what: 'pause' | 'resume' | 'cancel'): Route => ({
  path: new RegExp(`^/api/batches/${ID}/${what}$`),
  on: {
    async POST({ actions, look }, { request, response, id }) {
      await actions[what](id, await readBody(request, { optional: true }));
      sendJson(response, 202, await look.batch(id));
    },
  },
});

const ROUTES: readonly Route[] = [
  {
    path: /^\/$/,
    on: {
      GET: async (_context, { response }) => sendPage(response, PAGE, PAGE_POLICY),
    },
  },
  {
    path: /^\/api\/status$/,
    on: {
      GET: async ({ look }, { response }) => sendJson(response, 200, await look.status()),
    },
  },
  {
    path: /^\/api\/events$/,
    on: { GET: async (context, { response }) => streamStatus(context, response) },
  },
  {
    path: /^\/api\/batches$/,
    on: {
      async GET({ look }, { response, query }) {
        sendJson(response, 200, { batches: await look.list(limitOf(query)) });
      },
      async POST({ actions, look }, { request, response }) {
        const { batch } = await actions.submit(await readBody(request));
        const facts = await look.batch(batch);
        response.setHeader('location', facts.links.self);
        sendJson(response, 201, facts);
      },
    },
  },
  {
    path: new RegExp(`^/api/batches/${ID}$`),
    on: {
      GET: async ({ look }, { response, id }) => sendJson(response, 200, await look.batch(id)),
    },
  },
  {
    path: new RegExp(`^/api/batches/${ID}/events$`),
    on: { GET: async (context, { response, id }) => streamBatch(context, response, id) },
  },
  act('pause'),
  act('resume'),
  act('cancel'),
  {
    path: new RegExp(`^/api/batches/${ID}/retry$`),
    on: {
      async POST({ actions, look }, { request, response, id }) {
        const begun = await actions.retry(id, await readBody(request, { optional: true }));
        sendJson(response, 202, { ...(await look.batch(id)), ...begun });
      },
    },
  },
  {
    path: new RegExp(`^/api/batches/${ID}/report$`),
    on: {
      async GET({ home }, { response, id }) {
        const { report } = await readReport(home, await requireBatch(placeOfHome(home), id));
        sendJson(response, 200, report);
      },
    },
  },
  {
    path: new RegExp(`^/batches/${ID}/report$`),
    on: { GET: async ({ home }, { response, id }) => sendReport(home, response, id) },
  },
];

/** Answers one request. Throws an `HttpError`, or an error that `toHttpError` makes one of. */
export async function route(
  context: RouteContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
  const found = ROUTES.find(({ path }) => path.test(pathname));
  if (found === undefined) {
    throw new HttpError(404, { code: 'NOT_FOUND', message: `There is nothing at ${pathname}.` });
  }
  const handler = found.on[request.method as 'GET' | 'POST'];
  if (handler === undefined) {
    const allow = Object.keys(found.on).join(', ');
    throw new HttpError(
      405,
      { code: 'USAGE', message: `${pathname} takes ${allow}; got ${request.method}.` },
      { allow },
    );
  }
  const id = idOf(found.path.exec(pathname)?.[1] ?? '');
  await handler(context, { request, response, id, query });
}

function idOf(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badField('id', `The id in the URL is not encoded as URLs are; got '${text}'.`);
  }
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw badField('limit', `limit must be a whole number from 1 to ${MAX_LIMIT}; got '${text}'.`);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}

function sendPage(response: ServerResponse, page: string | Uint8Array, policy: string): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(page),
    'content-security-policy': policy,
    'cache-control': 'no-store',
  });
  response.end(page);
}

async function sendReport(home: Home, response: ServerResponse, id: string): Promise<void> {
  const batch = await requireBatch(placeOfHome(home), id);
  const page = hasEnded(batch.status)
    ? await home.objects.get(reportKey(id, batch.round, 'report.html'))
    : undefined;
  if (page === undefined) {
    throw new HttpError(404, {
      code: 'NOT_FOUND',
      message: `Batch ${id} has no report (${batch.status}).`,
    });
  }
  sendPage(response, page, REPORT_POLICY);
}
