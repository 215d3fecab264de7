/**
 * A small seeded generator (xoshiro128**, Blackman and Vigna 2018) for `ctx.rng`: the same text gives
 * the same numbers on every machine. Not for secrets.
 */
export function seededRandom(seed: string): () => number {
  let [a, b, c, d] = mix(seed);
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result / 2 ** 32;
  };
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** Four 32-bit words of a text: FNV-1a with four offsets, each finished by a murmur-like mix. */
function mix(text: string): [number, number, number, number] {
  const words = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    for (let lane = 0; lane < 4; lane += 1) {
      words[lane] = Math.imul((words[lane] as number) ^ (unit + lane), 0x01000193);
    }
  }
  const done = words.map((word) => {
    let mixed = Math.imul(word ^ (word >>> 16), 0x7feb352d);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
    return mixed ^ (mixed >>> 16);
  });
  // All-zero state would give zeros for ever.
  done[0] = (done[0] as number) | 1;
  return done as [number, number, number, number];
}
