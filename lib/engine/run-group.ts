import { backoffMs } from '../core/backoff.ts';
import {
  type ItemError,
  isUnavailable,
  retryAfterOf,
  type UnavailableError,
} from '../core/errors.ts';
import type { Settings } from '../core/options.ts';
import type { GroupResult, GroupStep } from '../core/step.ts';
import { type Called, type GroupRow, type GroupRunner, openCall } from './group-call.ts';
import { checkedResult, type Ended, failed, isRetryable, timeoutError } from './item-end.ts';

/** How each row of a group ended, in order; or why the step is there for none of them. */
export type GroupEnd = { ended: Ended[] } | { unavailable: UnavailableError };

/** Rows of one call, by their place in the group. */
interface Piece {
  places: number[];
  tries: number;
}

/**
 * Calls a group's function, with its tries. Answers at once when the function does, and nothing is wrong.
 * What a call throws for good halves its rows, breadth first, so that the good halves are through early;
 * half of the time that is left is for each call, so that a row that hangs leaves time for the others.
 */
export function runGroup(
  runner: GroupRunner,
  step: GroupStep,
  rows: readonly GroupRow[],
): GroupEnd | Promise<GroupEnd> {
  const whole: Piece = { places: rows.map((_, at) => at), tries: triesOf(step, runner.settings) };
  const now = runner.clock.monotonic();
  const deadline = now + runner.settings.itemTimeoutMs;
  const limit = limitOf(deadline, now, rows.length > 1);
  const call = openCall(runner, { step, rows, places: whole.places, limit });
  let answer: ReturnType<GroupStep['run']>;
  try {
    answer = call.run();
  } catch (error) {
    return finish({ runner, step, rows, deadline }, whole, Promise.reject(error));
  }
  if (!(answer instanceof Promise)) {
    const ended = endedOf(answer, rows.length);
    if (ended !== undefined) return { ended };
  }
  return finish({ runner, step, rows, deadline }, whole, call.bounded(answer));
}

const triesOf = ({ retry }: GroupStep, settings: Settings): number =>
  retry?.tries ?? settings.tries;

/** Every row done and none to be tried again: what nearly all calls answer. */
function endedOf(answer: readonly GroupResult[], rows: number): Ended[] | undefined {
  if (!Array.isArray(answer) || answer.length !== rows) return undefined;
  for (const result of answer as (Partial<Ended> | undefined)[]) {
    if (result?.status !== 'ok') return undefined;
  }
  return answer as Ended[];
}

interface Group {
  runner: GroupRunner;
  step: GroupStep;
  rows: readonly GroupRow[];
  deadline: number;
}

async function finish(group: Group, whole: Piece, first: Called): Promise<GroupEnd> {
  const { runner, rows, deadline } = group;
  const ended = new Array<Ended | undefined>(rows.length).fill(undefined);
  const pieces: { piece: Piece; called: Called | undefined }[] = [{ piece: whole, called: first }];
  for (let next = pieces.shift(); next !== undefined; next = pieces.shift()) {
    const over = next.called === undefined && runner.clock.monotonic() >= deadline;
    const fault = over
      ? { thrown: timeoutOf(runner), places: next.piece.places, spent: 0 }
      : await tryPiece(group, { ...next, ended, alone: pieces.length === 0 });
    if (fault === undefined) continue;
    const { thrown, places, spent } = fault;
    if (isUnavailable(thrown)) return { unavailable: thrown };
    const end = failed(thrown);
    // Rows that are put back have no slot now: each half would only ask for one again.
    const back = places.some((place) => rows[place]?.context.putBackUntil !== undefined);
    if (places.length === 1 || end.status === 'stalled' || over || back) {
      for (const place of places) ended[place] = end;
      continue;
    }
    // Tries that were used up on the whole are not begun anew for each row: a remote that is away would be asked for ever.
    const tries = Math.max(1, next.piece.tries - spent);
    const half = Math.ceil(places.length / 2);
    for (const part of [places.slice(0, half), places.slice(half)]) {
      pieces.push({ piece: { places: part, tries }, called: undefined });
    }
  }
  return { ended: ended as Ended[] };
}

interface Fault {
  thrown: unknown;
  /** The rows that it is about. */
  places: number[];
  /** Tries that ended in a fault that is worth another one. */
  spent: number;
}

interface PieceWork {
  piece: Piece;
  /** The first call, where it was made already. */
  called: Called | undefined;
  ended: (Ended | undefined)[];
  /** No other piece waits for what time is left. */
  alone: boolean;
}

/** Calls with a piece's rows until each has ended, or until what it throws is worth no other try. */
async function tryPiece(group: Group, work: PieceWork): Promise<Fault | undefined> {
  const { runner, step, rows, deadline } = group;
  const { clock, settings } = runner;
  const limit = limitOf(deadline, clock.monotonic(), work.piece.places.length > 1 || !work.alone);
  let { places } = work.piece;
  let called = work.called;
  let away: UnavailableError | undefined;
  for (let spent = 0; ; ) {
    let thrown: unknown;
    try {
      if (called === undefined) {
        // One more try of each row, whoever else is in the call; a store that was away has not tried any.
        for (const place of places) (rows[place] as GroupRow).context.nextTry(away !== undefined);
        const call = openCall(runner, { step, rows, places, limit: away ? deadline : limit });
        called = call.bounded(call.run());
      }
      const left = settle(group, { results: await called, places, ended: work.ended });
      if (left === undefined) return undefined;
      ({ places, thrown } = left);
    } catch (error) {
      // A call that hangs behind one that found the store away says nothing of its rows.
      thrown = away !== undefined && isTimeout(error) ? away : error;
    }
    called = undefined;
    away = isUnavailable(thrown) ? thrown : undefined;
    if (!worthAnother(runner, thrown)) return { thrown, places, spent };
    spent += 1;
    const { baseMs = settings.retryBaseMs, maxMs = settings.retryMaxMs } = step.retry ?? {};
    const drawnMs = backoffMs(spent, { baseMs, maxMs }, runner.random());
    const waitMs = Math.max(drawnMs, retryAfterOf(thrown));
    const end = away ? deadline : limit;
    const tries = away ? triesOf(step, settings) : work.piece.tries;
    if (spent >= tries || clock.monotonic() + waitMs >= end) return { thrown, places, spent };
    await clock.sleep(waitMs);
  }
}

const worthAnother = (runner: GroupRunner, thrown: unknown): boolean =>
  isUnavailable(thrown) ? thrown.retry : isRetryable(runner, thrown);

/** Records the rows that have ended; returns those that are to be tried again, with the error of the first. */
function settle(
  { runner }: Group,
  { results, places, ended }: { results: unknown; places: number[]; ended: (Ended | undefined)[] },
): { places: number[]; thrown: unknown } | undefined {
  if (!Array.isArray(results) || results.length !== places.length) {
    const got = Array.isArray(results) ? `a list of ${results.length}` : typeof results;
    throw Object.assign(new Error(wrongResults(places.length, got)), {
      kind: 'unexpected',
      code: 'BAD_RESULT',
    });
  }
  const again: number[] = [];
  let thrown: unknown;
  for (const [at, place] of places.entries()) {
    const result = results[at] as GroupResult | undefined;
    if (result instanceof Error) {
      ended[place] = failed(result);
      if (!isRetryable(runner, result)) continue;
      again.push(place);
      thrown ??= result;
    } else if (result?.status === 'ok') ended[place] = checkedResult(result);
    else if (result?.status === 'skipped') {
      ended[place] = { status: 'skipped', reason: String(result.reason) };
    } else ended[place] = failed(badResult(result));
  }
  return again.length === 0 ? undefined : { places: again, thrown };
}

const wrongResults = (rows: number, got: string): string =>
  `inBatches must return one result a row, in order: a list of ${rows}; it returned ${got}.`;

const badResult = (result: unknown): unknown => ({
  kind: 'unexpected',
  code: 'BAD_RESULT',
  message: `A result of inBatches must be ok(value), skip(reason) or an Error; it was ${result === null ? 'null' : typeof result}.`,
});

const isTimeout = (thrown: unknown): boolean =>
  (thrown as Partial<ItemError> | undefined)?.code === timeoutError(0).code;

const timeoutOf = ({ settings }: GroupRunner): unknown => timeoutError(settings.itemTimeoutMs);

/** A call that others wait behind gets half of what is left. */
const limitOf = (deadline: number, now: number, shares: boolean): number =>
  shares ? now + (deadline - now) / 2 : deadline;
