import type { GroupContext, GroupResult, GroupStep } from '../core/step.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import type { ItemContext } from './item-context.ts';
import { timeoutError } from './item-end.ts';
import { itemHttp } from './item-http.ts';
import { itemQuota, type QuotaEnv } from './item-quota.ts';
import type { ItemRunner } from './run-item.ts';

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
  /** The answer, or the time-out at `limit`; the function is told through its signal. */
  bounded(answer: unknown, limit: number): Called;
}

/** One call of a group's function with some of its rows. */
export function openCall(
  runner: GroupRunner,
  { step, rows, places }: { step: GroupStep; rows: readonly GroupRow[]; places: number[] },
): Call {
  const { clock, settings } = runner;
  const taken = places.map((place) => rows[place] as GroupRow);
  const [only] = taken;
  let controller: AbortController | undefined;
  const context: GroupContext = {
    ...runner.lent,
    items: taken.map(({ context: item }) => item),
    attempt: only?.context.attempt ?? 1,
    get signal() {
      controller ??= new AbortController();
      return controller.signal;
    },
    quota(name, key) {
      if (runner.quotas === undefined) throw new Error('The job declares no quotas: add them.');
      return itemQuota(runner.quotas, asOneItem(runner, taken, context), { name, key });
    },
    get http() {
      return itemHttp(runner.http, asOneItem(runner, taken, context));
    },
  };
  return {
    run() {
      runner.starting?.(taken.length === 1 && only !== undefined ? only.context.index : -1);
      return step.run(
        taken.map(({ value }) => value),
        context,
      );
    },
    async bounded(answer, limit) {
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
  { clock }: GroupRunner,
  rows: readonly GroupRow[],
  context: GroupContext,
): HttpItem => ({
  lent: undefined,
  startedAt: rows[0]?.context.startedAt ?? clock.monotonic(),
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
