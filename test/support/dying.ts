export class Crash extends Error {}

/** Dies at the n-th moment (before and after each call count apart), and stays dead. */
export function dyingAt(n: number) {
  let moments = 0;
  return {
    moments: () => moments,
    onCall(): void {
      moments += 1;
      if (moments >= n) throw new Crash(`crash at moment ${n}`);
    },
  };
}
