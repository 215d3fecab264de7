import { isUnavailable } from '../core/errors.ts';
import type { ItemContext } from './item-context.ts';
import type { Polls } from './polls.ts';
import type { Taken } from './record-source.ts';
import type { Finished } from './run-item.ts';

/** Why an attempt starts no more items, although nobody stopped the batch. */
export interface Hold {
  /** Nothing holds it up. */
  free(): boolean;
  /** The chunk goes on from then on, ms since 1970: the latest that any item asked for. */
  defer(until: number): void;
  deferredTo(): number | undefined;
  /** Something is there for no row at all: the batch is to be paused, with the first reason. */
  block(reason: string): void;
  blocked(): string | undefined;
}

export const newHold = (): Hold => new AttemptHold();

class AttemptHold implements Hold {
  #deferred: number | undefined;
  #reason: string | undefined;

  free(): boolean {
    return this.#deferred === undefined && this.#reason === undefined;
  }

  defer(until: number): void {
    this.#deferred = Math.max(this.#deferred ?? 0, until);
  }

  deferredTo(): number | undefined {
    return this.#deferred;
  }

  block(why: string): void {
    this.#reason ??= why;
  }

  blocked(): string | undefined {
    return this.#reason;
  }
}

/** The item has no outcome yet: it found no slot in time, or what it works with is away. It runs again later. */
export function isPutBack(
  taken: Taken,
  { context, finished }: { context: ItemContext; finished: Finished },
  { hold, polls }: { hold: Hold; polls: Polls },
): boolean {
  const { ended } = finished;
  if (ended.status !== 'failed') return false;
  if (isUnavailable(ended.thrown)) {
    hold.block(`${ended.thrown.code}: ${ended.thrown.message}`);
    return true;
  }
  // Whatever the job made of the error that it got, unless it did without the call.
  const { parkedUntil, putBackUntil } = context;
  if (parkedUntil !== undefined) polls.park(taken, parkedUntil);
  else if (putBackUntil !== undefined) hold.defer(putBackUntil);
  else return false;
  return true;
}
