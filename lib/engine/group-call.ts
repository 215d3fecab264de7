import type { GroupContext, GroupResult, GroupStep } from '../core/step.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import type { ItemContext } from './item-context.ts';
import { timeoutError } from './item-end.ts';
import { itemHttp } from './item-http.ts';
import { itemQuota, type QuotaEnv } from './item-quota.ts';
import type { ItemRunner } from './item-runner.ts';

/** What running one group needs beside its rows. */
export interface GroupRunner extends Omit<ItemRunner, 'process'> {
  /** All of a group's context but what changes from call to call. */
  lent: Omit<GroupContext, 'items' | 'attempt' | 'signal' | 'quota' | 'http'>;
  quotas?: QuotaEnv | undefined;
  http?: HttpEnv | undefined;
  /** Told before each call: the index of a row that is alone, -1 where nobody can be blamed alone. */
  starting?: ((index: number) => void) | undefined;
}

/** A row on its way through the steps. */
export interface GroupRow {
  value: unknown;
  context: ItemContext;
}

export type Called = Promise<readonly GroupResult[]>;

export interface Call {
  run(): ReturnType<GroupStep['run']>;
  /** The answer, or the time-out at the call's limit; the function is told through its signal. */
  bounded(answer: unknown): Called;
}

interface Opening {
  step: GroupStep;
  rows: readonly GroupRow[];
  places: number[];
  /** When the call has had its time, by the clock that never jumps. */
  limit: number;
}

/** One call of a group's function with some of its rows. */
export function openCall(runner: GroupRunner, { step, rows, places, limit }: Opening): Call {
  const { clock, settings } = runner;
  const startedAt = clock.monotonic();
  // A slot behind the call's own end would be none: it would end as a time-out instead of being put back.
  const time = { itemTimeoutMs: limit - startedAt };
  const taken: GroupRow[] = [];
  const items: ItemContext[] = [];
  const values: unknown[] = [];
  // One loop and no callbacks, whose code V8 drops between two calls.
  for (const place of places) {
    const row = rows[place] as GroupRow;
    taken.push(row);
    items.push(row.context);
    values.push(row.value);
  }
  const [only] = taken;
  let controller: AbortController | undefined;
  const context: GroupContext = {
    ...runner.lent,
    items,
    attempt: only?.context.attempt ?? 1,
    get signal() {
      controller ??= new AbortController();
      return controller.signal;
    },
    quota(name, key) {
      if (runner.quotas === undefined) throw new Error('The job declares no quotas: add them.');
      const quotas = { ...runner.quotas, ...time };
      return itemQuota(quotas, asOneItem(taken, { context, startedAt }), { name, key });
    },
    get http() {
      const quotas = runner.quotas && { ...runner.quotas, ...time };
      const http = runner.http && { ...runner.http, ...time, quotas };
      return itemHttp(http, asOneItem(taken, { context, startedAt }));
    },
  };
  return {
    run() {
      runner.starting?.(taken.length === 1 && only !== undefined ? only.context.index : -1);
      return step.run(values, context);
    },
    async bounded(answer) {
      let cancel = (): void => undefined;
      const late = new Promise<never>((_, reject) => {
        cancel = clock.after(Math.max(0, limit - clock.monotonic()), () => {
          const { message, ...facts } = timeoutError(settings.itemTimeoutMs);
          const error = Object.assign(new Error(message), facts);
          controller ??= new AbortController();
          controller.abort(error);
          reject(error);
        });
      });
      try {
        return (await Promise.race([answer, late])) as readonly GroupResult[];
      } finally {
        cancel();
      }
    },
  };
}

/** The whole group as its calls see it: without a slot in time all its rows are put back. */
const asOneItem = (
  rows: readonly GroupRow[],
  { context, startedAt }: { context: GroupContext; startedAt: number },
): HttpItem => ({
  index: (rows[0] as GroupRow).context.index,
  lent: undefined,
  startedAt,
  calls: 0,
  get putBackUntil() {
    return undefined;
  },
  set putBackUntil(until: number | undefined) {
    for (const { context: one } of rows) one.putBackUntil = until;
  },
  get signal() {
    return context.signal;
  },
  get aborting() {
    return context.signal;
  },
  get log() {
    return (rows[0] as GroupRow).context.log;
  },
});
