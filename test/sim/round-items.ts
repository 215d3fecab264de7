import type { RoundChoice } from '../../lib/core/retry.ts';
import { isCancel } from '../../lib/core/transitions.ts';
import { BATCH, type Truth } from './truth.ts';

/** What is known of the rounds of a world, written down without the engine. */
export interface RoundsOf {
  truth: Truth;
  stages: number;
  /** The stage whose items are groups: from there on a round works whole. */
  groupAt: number | undefined;
  /** Committed outcome lines of a stage of a round, in order. */
  rows(round: number, stage: number): string;
}

/** The items of a stage in one round: retried ones, and then those that the stage before gives, by their numbers. */
export interface RoundItems {
  retried: readonly number[];
  next: number;
}

export interface OutcomeRow {
  index: number;
  status: string;
  value?: unknown;
  values?: unknown[];
}

export const rowsIn = (text: string): OutcomeRow[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    // A group's line has no index.
    .map((line, index) => ({ index, ...(JSON.parse(line) as Partial<OutcomeRow>) }) as OutcomeRow);

export const givenIn = ({ status, values, value = null }: OutcomeRow): unknown[] =>
  status === 'ok' ? (values ?? [value]) : [];

export const endOfRound = (truth: Truth, round: number) =>
  truth.batch()?.['round'] === round
    ? truth.batch()
    : truth.record({ batch: BATCH, sort: `E000${round}` });

const known = new WeakMap<Truth, Map<number, RoundItems[]>>();

/** The items of each stage of a round that has begun; they never change. */
export function roundItems(of: RoundsOf, round: number): RoundItems[] {
  const rounds = known.get(of.truth) ?? new Map<number, RoundItems[]>();
  known.set(of.truth, rounds);
  const made = rounds.get(round) ?? itemsOf(of, round);
  rounds.set(round, made);
  return made;
}

function itemsOf(of: RoundsOf, round: number): RoundItems[] {
  const stages = Array.from({ length: of.stages }, (_, stage) => stage);
  if (round === 0) return stages.map(() => ({ retried: [], next: 0 }));
  const filter = endOfRound(of.truth, round)?.['filter'] as string;
  const { first = Number.POSITIVE_INFINITY, stalled } = JSON.parse(filter) as RoundChoice;
  const statuses = statusesAfter(of, round - 1);
  let taken = 0;
  return stages.map((stage) => {
    const failed = [...(statuses[stage] ?? [])]
      .filter(([, status]) => status === 'failed' || (status === 'stalled' && stalled > 0))
      .map(([index]) => index)
      .sort((a, b) => a - b)
      .slice(0, Math.max(0, first - taken));
    taken += failed.length;
    if (isWhole(of, stage)) return { retried: [], next: 0 };
    return { retried: failed, next: nextAfter(of, round - 1, stage) };
  });
}

export const isWhole = ({ groupAt = Number.POSITIVE_INFINITY }: RoundsOf, stage: number): boolean =>
  stage >= groupAt;

export const wasCut = ({ truth }: RoundsOf, round: number): boolean =>
  round > 0 && isCancel(endOfRound(truth, round)?.['stop']);

/** The number behind all that a stage ever planned. */
function nextAfter(of: RoundsOf, round: number, stage: number): number {
  const { retried, next } = roundItems(of, round)[stage] as RoundItems;
  let planned = 0;
  const chunks = of.truth.stage(round, stage)?.['planned'] as number;
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    planned += of.truth.chunk(round, chunk, stage)?.['count'] as number;
  }
  return next + Math.max(0, planned - retried.length);
}

/** Status of each item by stage and number, as the rounds up to one left them. */
export function statusesAfter(of: RoundsOf, newest: number): Map<number, string>[] {
  const statuses = Array.from({ length: of.stages }, () => new Map<number, string>());
  for (let round = 0; round <= newest; round += 1) {
    const cut = of.stages > 1 && wasCut(of, round);
    const through = cut ? cameThrough(of, round) : () => true;
    for (const [stage, known] of statuses.entries()) {
      if (isWhole(of, stage) && cut) continue;
      if (isWhole(of, stage)) known.clear();
      for (const { index, status } of rowsIn(of.rows(round, stage))) {
        if (round > 0 && (status === 'notRun' || !through(stage, index))) continue;
        known.set(index, status);
      }
    }
  }
  return statuses;
}

/** Of a round that was cut short: whether all of the tree that an item stands in ran. */
function cameThrough(of: RoundsOf, round: number): (stage: number, index: number) => boolean {
  const items = roundItems(of, round);
  const rows = items.map((_, stage) => rowsIn(of.rows(round, stage)));
  const parent = new Map<string, string>();
  const broken = new Set<string>();
  const rootOf = (name: string): string => {
    const above = parent.get(name);
    return above === undefined ? name : rootOf(above);
  };
  for (const [stage, own] of rows.entries()) {
    const there = new Set(rows[stage + 1]?.map(({ index }) => index));
    let next = items[stage + 1]?.next ?? 0;
    for (const row of own) {
      const name = `${stage}/${row.index}`;
      if (row.status === 'notRun') broken.add(rootOf(name));
      if (stage + 1 === rows.length) continue;
      for (const _ of givenIn(row)) {
        parent.set(`${stage + 1}/${next}`, name);
        if (!there.has(next) || isWhole(of, stage + 1)) broken.add(rootOf(name));
        next += 1;
      }
    }
  }
  return (stage, index) => !broken.has(rootOf(`${stage}/${index}`));
}

/** Number in the stage of the item at a place among those of a round. */
export const indexAt = ({ retried, next }: RoundItems, place: number): number =>
  retried[place] ?? next + place - retried.length;

export const placeOf = ({ retried, next }: RoundItems, index: number): number =>
  index >= next ? retried.length + index - next : retried.indexOf(index);

/** What the items of a later stage were given, by their numbers, in all rounds up to one. */
export function givenTo(of: RoundsOf, stage: number, newest: number): Map<number, unknown> {
  const given = new Map<number, unknown>();
  for (let round = isWhole(of, stage) ? newest : 0; round <= newest; round += 1) {
    let { next } = roundItems(of, round)[stage] as RoundItems;
    for (const row of rowsIn(of.rows(round, stage - 1))) {
      for (const value of givenIn(row)) {
        given.set(next, value);
        next += 1;
      }
    }
  }
  return given;
}
