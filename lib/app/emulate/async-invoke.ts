import type { FunctionPool } from './function-pool.ts';
import { pause } from './pause.ts';

export interface AsyncOptions {
  /** Waits are divided by it. */
  speed: number;
  signal: AbortSignal;
}

/** lambda/latest/dg/invocation-async-error-handling: one minute, then two, after a function's error. */
const ERROR_WAIT_MS = [60_000, 120_000];
/** Same page: throttled events wait from 1 s, doubling to 5 minutes, for up to 6 hours. */
const FIRST_THROTTLE_MS = 1_000;
const LONGEST_THROTTLE_MS = 300_000;
const LONGEST_AGE_MS = 21_600_000;

/** An asynchronous invocation: nobody waits for its answer; Lambda itself tries again. Resolves when it is over. */
export async function invokeLater(
  pool: FunctionPool,
  event: string,
  { speed, signal }: AsyncOptions,
): Promise<void> {
  const until = performance.now() + LONGEST_AGE_MS / speed;
  let errors = 0;
  let throttleMs = FIRST_THROTTLE_MS;
  while (!signal.aborted && performance.now() < until) {
    const result = await pool.invoke(event);
    if (result.did === 'answered') return;
    if (result.did === 'throttled') {
      await pause(throttleMs / speed, signal);
      throttleMs = Math.min(throttleMs * 2, LONGEST_THROTTLE_MS);
      continue;
    }
    errors += 1;
    if (errors > pool.spec.retries) return;
    await pause((ERROR_WAIT_MS[errors - 1] ?? 0) / speed, signal);
  }
}
