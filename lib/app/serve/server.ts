import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Home } from '../home.ts';
import { newActions } from './actions.ts';
import { newEventHub } from './events.ts';
import { cookieName, guard } from './guard.ts';
import { HttpError, toHttpError } from './http-error.ts';
import { type Listening, listenOnLoopback } from './listen.ts';
import { lockHome } from './lock.ts';
import { newLook } from './look.ts';
import { type RouteContext, route, sendJson } from './routes.ts';
import { openSupervisor } from './supervisor.ts';

export interface ServeOptions {
  /** 0 = any that is free. */
  port: number;
  /** Batches that run at once, and that wait beyond them. */
  running: number;
  waiting: number;
  /** A line for the person at the terminal. */
  say(line: string): void;
}

export interface Served {
  port: number;
  /** The page's, with the token of this start. */
  url: string;
  /** Takes nothing more, has all that runs saved, and ends. Answers how many batches go on at the next start. */
  close(): Promise<number>;
  /** Ends all processes at once; what was committed is kept. */
  kill(): void;
}

/** Takes batches over HTTP on this machine's loopback, and runs them. Throws `STATE` for a port or a home that is taken. */
export async function startServer(home: Home, options: ServeOptions): Promise<Served> {
  const { say, running, waiting } = options;
  const limits = { running, waiting };
  const unlock = await lockHome(home);
  const token = randomBytes(32).toString('base64url');
  // Requests wait until all is there: what is left from before is taken up only once the port is ours.
  let ready: RouteContext | undefined;
  const guarded = (port: number) => (request: IncomingMessage, response: ServerResponse) =>
    void answer(request, response, { context: ready, port, token });
  let port = 0;
  let listening: Listening;
  try {
    listening = await listenOnLoopback(
      (request, response) => guarded(port)(request, response),
      options.port,
    );
  } catch (error) {
    await unlock();
    throw error;
  }
  port = listening.port;
  const supervisor = await openSupervisor({ home, say, ...limits });
  const actions = newActions({ home, supervisor, limits });
  const hub = newEventHub();
  ready = { home, look: newLook({ home, supervisor, limits }), actions, hub };
  return {
    port,
    url: `http://127.0.0.1:${port}/?token=${token}`,
    async close() {
      ready = undefined;
      hub.close();
      actions.close();
      await listening.close();
      const left = await supervisor.close();
      await unlock();
      return left;
    },
    kill: supervisor.kill,
  };
}

interface Answering {
  context: RouteContext | undefined;
  port: number;
  token: string;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { context, port, token }: Answering,
): Promise<void> {
  for (const [name, value] of SAFE_HEADERS) response.setHeader(name, value);
  response.on('error', () => undefined);
  try {
    const { method = '', url = '', headers } = request;
    const page = guard({ method, url, headers }, { port, token });
    if (page !== undefined) return signIn(response, page.to, `${cookieName(port)}=${token}`);
    if (context === undefined) throw NOT_READY;
    await route(context, request, response);
  } catch (thrown) {
    refuse(request, response, toHttpError(thrown));
  }
}

const SAFE_HEADERS = [
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['x-frame-options', 'DENY'],
] as const;

const NOT_READY = new HttpError(
  503,
  { code: 'STATE', message: 'The server starts or ends.' },
  { 'retry-after': '1' },
);

/** The token moves from the URL, which is kept in histories, into a cookie that no script can read. */
function signIn(response: ServerResponse, to: string, cookie: string): void {
  response.writeHead(303, {
    location: to,
    'set-cookie': `${cookie}; HttpOnly; SameSite=Strict; Path=/`,
    'cache-control': 'no-store',
  });
  response.end();
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, fault, headers }: HttpError,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // What is left of the body is not read for a request that is refused.
  if (!request.complete) response.setHeader('connection', 'close');
  sendJson(response, status, { error: fault });
}
