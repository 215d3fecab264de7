import type { ServerResponse } from 'node:http';
import { isEnd } from '../runner.ts';
import type { EventStream } from './events.ts';
import { toHttpError } from './http-error.ts';
import type { RouteContext } from './routes.ts';

/** Notes are written each second. */
const EVERY_MS = 1_000;

/** `status` events: all that /api/status says, whenever it changed, each second at most. */
export async function streamStatus(context: RouteContext, response: ServerResponse): Promise<void> {
  const { look } = context;
  const first = await look.status();
  const stream = context.hub.open(response);
  await follow(context, stream, async (number) => {
    const { at, ...status } = number === 0 ? first : await look.status();
    return { event: 'status', data: { at, ...status }, sameAs: JSON.stringify(status) };
  });
}

/** `batch` events while it goes on, and one `end` with its last state; then the stream is closed. */
export async function streamBatch(
  context: RouteContext,
  response: ServerResponse,
  id: string,
): Promise<void> {
  const { look } = context;
  const first = await look.batch(id);
  const stream = context.hub.open(response);
  await follow(context, stream, async (number) => {
    const data = number === 0 ? first : await look.batch(id);
    const over = isEnd(data.status);
    return { event: over ? 'end' : 'batch', data, sameAs: JSON.stringify(data) };
  });
}

interface Next {
  event: string;
  data: unknown;
  /** What is compared: an event that says nothing new is not sent. */
  sameAs: string;
}

/** Sends what changed until the client is gone or the last event was sent. */
async function follow(
  { home }: RouteContext,
  stream: EventStream,
  next: (number: number) => Promise<Next>,
): Promise<void> {
  let before: string | undefined;
  for (let number = 0; stream.open; number += 1) {
    const { event, data, sameAs } = await next(number).catch(failed);
    if (sameAs !== before) stream.send(event, data);
    before = sameAs;
    if (event === 'end' || event === 'error') return stream.end();
    await home.clock.sleep(EVERY_MS);
  }
}

/** A batch that was purged, a store that is gone: the headers are out, so that it can only be an event. */
function failed(error: unknown): Next {
  const { fault } = toHttpError(error);
  return { event: 'error', data: { error: fault }, sameAs: fault.message };
}
