export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** CPU microseconds per row, all threads of the process: steadier on a busy machine than the clock. The first round only warms up. */
export async function cpuOfRow(
  { rows, rounds }: { rows: number; rounds: number },
  work: () => unknown,
): Promise<number> {
  const figures: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    if (round > 0) figures.push((user + system) / rows);
  }
  return median(figures);
}
