import type { ItemContext } from './item-context.ts';
import type { Ended } from './item-end.ts';
import type { Taken } from './record-source.ts';
import type { Finished, Running } from './run-item.ts';
import type { Rider } from './step-tasks.ts';

export type Pending = void | Promise<void>;

/** Where a row goes on. */
export interface RowFlow {
  readonly clock: { monotonic(): number };
  /** A row was read, and went through the first step where that takes rows one by one. */
  began(rider: Rider, ended: Ended): Pending;
  /** A row ended step `at`. */
  ranStep(rider: Rider, at: number, ended: Ended): Pending;
}

/** A row that was read. */
export class FirstStep implements Running<void> {
  row: unknown;
  readonly context: ItemContext;
  readonly startedAt: number;
  readonly #flow: RowFlow;
  readonly #taken: Taken;
  readonly #ordinal: number;

  constructor(
    flow: RowFlow,
    { taken, context, ordinal }: Pick<Rider, 'taken' | 'context' | 'ordinal'>,
  ) {
    this.row = taken.row;
    this.context = context;
    this.startedAt = flow.clock.monotonic();
    this.#flow = flow;
    this.#taken = taken;
    this.#ordinal = ordinal;
  }

  done({ key, ended }: Finished): Pending {
    const spentMs = this.#flow.clock.monotonic() - this.startedAt;
    const own = { taken: this.#taken, context: this.context, key, ordinal: this.#ordinal };
    return this.#flow.began({ ...own, value: undefined, spentMs }, ended);
  }
}

/** A row at a later step that takes rows one by one. */
export class NextStep implements Running<void> {
  row: unknown;
  readonly context: ItemContext;
  /** Once it waits. */
  startedAt: number | undefined;
  readonly #flow: RowFlow;
  readonly #rider: Rider;
  readonly #at: number;

  constructor(flow: RowFlow, rider: Rider, at: number) {
    this.row = rider.value;
    this.context = rider.context;
    this.#flow = flow;
    this.#rider = rider;
    this.#at = at;
  }

  done({ ended }: Finished): Pending {
    if (this.startedAt !== undefined) {
      this.#rider.spentMs += this.#flow.clock.monotonic() - this.startedAt;
    }
    return this.#flow.ranStep(this.#rider, this.#at, ended);
  }
}
