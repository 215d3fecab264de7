import { UnavailableError } from '../core/errors.ts';
import type { HttpEnv, HttpItem } from './http-env.ts';
import { putBack } from './http-try.ts';

/** An item is put back so often for one host: 1, 2, 4 s and so on, 15 minutes in all where the host asks for no more. */
const MAX_TIMES = 20;
const LONGEST_MS = 60_000;

/**
 * What becomes of an item that is refused although all its tries are made: a refusal says 'later', not 'no', so it runs
 * again later. Where it is the only one that is refused, it fails (undefined); where nobody gets an answer, the batch
 * pauses. What it returns is thrown, for the engine.
 */
export function refusedItem(
  env: HttpEnv,
  item: HttpItem,
  { host, askedMs = 0 }: { host: string; askedMs: number | undefined },
): Error | undefined {
  const { refusals } = env.host;
  const { times, own } = refusals.refused(`${env.name}/${item.index}`, host);
  if (times <= MAX_TIMES) {
    const waitMs = Math.max(askedMs, Math.min(LONGEST_MS, 1_000 * 2 ** (times - 1)));
    item.log.warn('the remote refuses calls: the item runs again later', { host, times, waitMs });
    return putBack(env, item, waitMs);
  }
  if (own) return undefined;
  // Whoever resumes the batch wants to see it tried again, perhaps by this very process.
  refusals.forget();
  return new UnavailableError(
    `${host} refuses every call (429): an item was put back ${MAX_TIMES} times, and nobody got an answer meanwhile. Resume when it takes calls again.`,
    { code: 'TOO_MANY_REQUESTS', retry: false },
  );
}
