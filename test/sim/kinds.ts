import { ok, type Result } from '../../lib/core/outcome.ts';
import type { SimConfig } from './config.ts';

export const JOB_NAME = 'sim';

export type Kind = 'ok' | 'quick' | 'skip' | 'fails' | 'stalls' | 'flaky' | 'worn' | 'hangs';

/** How an item ends, by its index: a pure function of the seed. */
export function kindOf(config: SimConfig, index: number, round = 0): Kind {
  const kind = kindInRound0(config, index);
  const mended = round > 0 && (index + config.seed) % 3 > 0;
  return mended && (kind === 'fails' || kind === 'stalls' || kind === 'worn') ? 'ok' : kind;
}

function kindInRound0({ seed, hangs }: SimConfig, index: number): Kind {
  let word = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(seed + 7, 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d);
  const share = ((word ^ (word >>> 12)) >>> 0) % 100;
  if (share < 45) return 'ok';
  if (share < 60) return 'quick';
  if (share < 72) return 'skip';
  if (share < 82) return 'fails';
  if (share < 88) return 'stalls';
  if (share < 94) return 'flaky';
  return share < 98 || !hangs ? 'worn' : 'hangs';
}

/** In a job of several stages some items give three to the next stage, and some none. */
export function spread(config: SimConfig, result: Result, index?: number): Result {
  if (config.stages === 1 || result.status !== 'ok') return result;
  const many = valuesOf(result.value, index ?? (result.value as { id: number }).id);
  return many === undefined ? result : ok.many(many);
}

export function valuesOf(value: unknown, index: number): unknown[] | undefined {
  if (index % 6 === 4) return [];
  return index % 6 === 2 ? [value, null, [value, index]] : undefined;
}
