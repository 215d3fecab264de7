/**
 * Full-jitter back-off: a uniform share of min(max, base x 2^(try - 1)), so that workers that failed
 * together do not come back together (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
 * @param attempt the try that just failed, from 1
 * @param random a number in [0, 1)
 */
export function backoffMs(
  attempt: number,
  { baseMs, maxMs }: { baseMs: number; maxMs: number },
  random: number,
): number {
  return random * Math.min(maxMs, baseMs * 2 ** (attempt - 1));
}
