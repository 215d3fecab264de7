import type { Client, Dispatcher } from 'undici';
import { newTimeOuts, type Timed } from '../../pool/time-outs.ts';
import type { Aborting, AbortListener, WireAnswer, WireRequest } from '../../ports/http.ts';
import type { Connections, Sending } from './connections.ts';
import { decoded, ENCODINGS } from './decode.ts';
import { faultOf, wireFault } from './fault.ts';

/**
 * A request under way, as undici tells of it. A class: as closures its twelve functions were made for each call, and
 * lived as long as it (1 KB of the 30 that a call took, measured).
 */
export class Exchange implements Sending, Timed, AbortListener {
  ended = false;
  due = 0;
  slot = -1;
  client: Client | undefined;
  readonly #request: WireRequest;
  readonly #resolve: (answer: WireAnswer | Promise<WireAnswer>) => void;
  readonly #reject: (error: Error) => void;
  #connections: Connections | undefined;
  #timer: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #chunks: Buffer[] | undefined;
  #first: Buffer | undefined;
  #length = 0;
  #status = 0;
  #headers: Record<string, string> = NO_HEADERS;

  constructor(
    request: WireRequest,
    resolve: (answer: WireAnswer | Promise<WireAnswer>) => void,
    reject: (error: Error) => void,
  ) {
    const { timeoutMs, signal } = request;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    if (signal?.aborted) {
      this.ended = true;
      reject(reasonOf(signal));
      return;
    }
    if (timeoutMs >= COARSE_MS) {
      this.due = performance.now() + timeoutMs;
      TIME_OUTS.add(this);
    } else this.#timer = setTimeout(() => this.late(), timeoutMs);
    // Not by a function: one that an exchange holds kept every exchange until the next collection of the whole heap (measured).
    signal?.addEventListener('abort', this, ONCE);
  }

  send(connections: Connections): void {
    this.#connections = connections;
    connections.send(this);
  }

  options(): Dispatcher.DispatchOptions {
    const { path, method, headers, body } = this.#request;
    return { path, method: method as 'GET', headers: pairsOf(headers), body: body ?? null };
  }

  late(): void {
    this.fail(wireFault('timeout', `${this.#request.timeoutMs} ms`));
  }

  /** Its signal was aborted. */
  handleEvent(): void {
    this.fail(reasonOf(this.#request.signal));
  }

  /** The connection goes with it: what is still to come of the body is not waited for. */
  fail(error: Error): void {
    if (this.ended) return;
    this.#end();
    this.#reject(error);
    this.#controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Its time was over before there was a connection.
    if (this.ended) controller.abort(wireFault('timeout', 'before it was sent'));
  }

  onResponseStart(_: unknown, status: number, headers: RawHeaders): void {
    const { maxBytes, method } = this.#request;
    this.#status = status;
    this.#headers = joined(headers);
    const length = this.#headers['content-length'];
    if (Number(length) > maxBytes && method !== 'HEAD') this.fail(tooLarge());
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length > this.#request.maxBytes) this.fail(tooLarge());
    else if (this.#first === undefined) this.#first = chunk;
    else {
      this.#chunks ??= [this.#first];
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    this.#connections?.ended(this, false);
    if (this.ended) return;
    this.#end();
    const bytes =
      this.#chunks === undefined
        ? (this.#first ?? NO_BYTES)
        : Buffer.concat(this.#chunks, this.#length);
    const answer = { status: this.#status, headers: this.#headers, bytes };
    const coded = this.#headers['content-encoding'] !== undefined;
    this.#resolve(coded ? undone(answer, this.#request.maxBytes) : answer);
  }

  onResponseError(_: unknown, error: Error): void {
    this.#connections?.ended(this, true);
    this.fail(faultOf(error));
  }

  #end(): void {
    this.ended = true;
    if (this.#timer === undefined) TIME_OUTS.drop(this);
    else clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this);
  }
}

/** From here on a time-out may come 100 ms late: a twentieth of it at most. */
const COARSE_MS = 2_000;
const TICK_MS = 100;
/** Open requests keep the process alive by their sockets. */
const after = (ms: number, call: () => void): void => void setTimeout(call, ms).unref();
const TIME_OUTS = newTimeOuts({ now: () => performance.now(), after }, TICK_MS);

type Headers = Readonly<Record<string, string>>;
let paired: { headers: Headers; pairs: string[] } | undefined;

/** Undici goes through an object's keys for nothing else. Nearly all calls of a job send the very same headers. */
function pairsOf(headers: Headers): string[] {
  if (paired?.headers === headers) return paired.pairs;
  const pairs = headers['accept-encoding'] === undefined ? ['accept-encoding', ENCODINGS] : [];
  for (const name in headers) pairs.push(name, headers[name] as string);
  paired = { headers, pairs };
  return pairs;
}

const ONCE = { once: true } as const;
const NO_HEADERS: Record<string, string> = {};
const NO_BYTES = Buffer.alloc(0);

async function undone(answer: WireAnswer, maxBytes: number): Promise<WireAnswer> {
  const bytes = await decoded(answer.bytes, answer.headers['content-encoding'], maxBytes);
  return { ...answer, bytes };
}

const tooLarge = (): Error => wireFault('too large', 'sent');

const reasonOf = (signal: Aborting | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('The request was aborted.');

type RawHeaders = Record<string, string | string[] | undefined>;

/** A header that came several times is one text; the object is the answer's own, and most have none such. */
function joined(raw: RawHeaders): Record<string, string> {
  for (const name in raw) {
    const value = raw[name];
    if (Array.isArray(value)) raw[name] = value.join(', ');
  }
  return raw as Record<string, string>;
}
