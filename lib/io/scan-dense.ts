import type { ScanState } from './scan-state.ts';
import { LF, NEAR, QUOTE } from './scan-state.ts';

/**
 * Where quotes stand close together: the grammar of `plain` and `quoted` in one loop without calls,
 * 1.7 times as fast. It stops before anything rare, which those two then judge.
 */
export function dense(s: ScanState): void {
  const { bytes } = s;
  const { delimiter } = s.grammar;
  const stop = bytes.length - 2;
  let { i } = s;
  if (i >= stop) return;
  const from = i;
  let inside = s.atCell && bytes[i] === QUOTE;
  if (inside) i++;
  for (;;) {
    if (inside) {
      for (; i < stop; i++) if (bytes[i] === QUOTE || bytes[i] === LF) break;
      if (i >= stop || bytes[i] === LF) break;
      const next = bytes[i + 1];
      if (next !== QUOTE && next !== delimiter) break;
      i += 2;
      if (next === delimiter) {
        inside = bytes[i] === QUOTE;
        if (inside) i++;
      }
    } else {
      const near = Math.min(stop, i + NEAR);
      for (; i < near; i++) {
        const byte = bytes[i];
        if (byte === LF || (byte === delimiter && bytes[i + 1] === QUOTE)) break;
      }
      if (i >= near || bytes[i] === LF) break;
      i += 2;
      inside = true;
    }
  }
  s.i = i;
  if (inside) s.mode = 'quoted';
  else if (i > from) s.atCell = bytes[i - 1] === delimiter;
}
