/** Most of these times that lie in one half-open window of `windowMs`: what a strict remote counts. */
export function mostInWindow(times: readonly number[], windowMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  let from = 0;
  for (const [at, time] of sorted.entries()) {
    while (time - (sorted[from] as number) >= windowMs) from += 1;
    most = Math.max(most, at - from + 1);
  }
  return most;
}
