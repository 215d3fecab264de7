/** A small generator of our own: samples must be the same bytes on every machine. */
export interface Random {
  /** Next number in [0, 1). */
  next(): number;
  /** Next integer in [0, n). */
  below(n: number): number;
  /** True in `share` of the calls. */
  chance(share: number): boolean;
}

/** mulberry32: 32 bits of state, integer arithmetic only. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    below: (n) => Math.floor(next() * n),
    chance: (share) => next() < share,
  };
}
