import { createHash } from 'node:crypto';
import { PermanentError } from '../../lib/core/errors.ts';
import { groupBy } from '../../lib/core/group.ts';
import { ok, type Result, skip } from '../../lib/core/outcome.ts';
import { seededRandom } from '../../lib/core/rng.ts';
import type { Stage } from '../../lib/core/stage.ts';
import { oracleOfGroups } from '../support/grouped.ts';
import type { SimConfig } from './config.ts';
import type { SimPorts } from './engine-of.ts';
import { chunkName, itemName } from './invariants.ts';
import type { SimJobPorts } from './job.ts';
import { JOB_NAME, kindOf, spread, valuesOf } from './kinds.ts';

/** Which later stage of a world groups what it is given, if any; from a source of its own. */
export function drawGroupAt(seed: number, stages: number): number | undefined {
  const random = seededRandom(`sluice sim group-by ${seed}`);
  if (stages === 1 || random() < 0.4) return undefined;
  return 1 + Math.floor(random() * (stages - 1));
}

/** The group of a row; none for some. */
export function groupOf(row: unknown): string {
  let word = 7;
  for (const character of JSON.stringify(row)) {
    word = Math.imul(word ^ character.charCodeAt(0), 0x01000193) >>> 0;
  }
  return (word >>> 8) % 29 === 0 ? '' : `g${(word >>> 4) % 9}`;
}

/** What tells a group apart where it runs: the prefix that chunks are cut by. */
export const numberOf = (key: string): number =>
  Number.parseInt(createHash('sha256').update(key).digest('hex').slice(0, 8), 16);

export function groupStage(
  { world, invariants, process, round }: SimJobPorts,
  stage: number,
): Stage {
  return groupBy({
    name: `s${stage}`,
    key: groupOf,
    async process(group, context): Promise<Result> {
      const number = numberOf(group.key);
      invariants.itemStarts(process, number, { round, stage });
      world.hit('groupStarts');
      world.trace(process.id, `group ${group.key} of stage ${stage} starts`);
      try {
        const rows: unknown[] = [];
        for await (const row of group.rows) rows.push(row);
        await process.clock.sleep(world.between(1, world.config.itemMs), context.signal);
        const kind = kindOf(world.config, number, round);
        if (kind === 'skip') return skip(`not ${group.key}`);
        if (kind === 'fails') throw new PermanentError(`no ${group.key} here`, { code: 'NO' });
        const value = { key: group.key, size: group.size, rows, draw: context.rng() };
        return spread(world.config, ok(value), number);
      } finally {
        invariants.itemEnds(process, stage);
      }
    },
  }) as Stage;
}

/** The line of an item whose values have no key for the groupBy behind it. */
export function withoutKey(
  config: SimConfig,
  { stage, head }: { stage: number; head: string },
  values: readonly unknown[],
): string | undefined {
  if (config.groupAt !== stage + 1 || values.every((value) => groupOf(value) !== '')) {
    return undefined;
  }
  const message = `key(row) of groupBy 's${config.groupAt}' must give a string of 1 to 1024 UTF-8 bytes; got an empty string.`;
  return `${head}"failed","error":${JSON.stringify({ kind: 'invalid', code: 'bad-key', message })}}\n`;
}

function oracleLines(
  config: SimConfig,
  { stage, round }: { stage: number; round: number },
  given: readonly unknown[],
): string[] {
  return oracleOfGroups(given, groupOf).map(({ key, rows }) => {
    const head = `{"key":"${key}","status":`;
    const number = numberOf(key);
    const kind = kindOf(config, number, round);
    if (kind === 'skip') return `${head}"skipped","reason":"not ${key}"}\n`;
    if (kind === 'fails') {
      const error = { kind: 'permanent', code: 'NO', message: `no ${key} here` };
      return `${head}"failed","error":${JSON.stringify(error)}}\n`;
    }
    const draw = seededRandom(`${JOB_NAME}/s${stage}\0\0${JSON.stringify(key)}`)();
    const value = { key, size: rows.length, rows, draw };
    const many = valuesOf(value, number);
    const refused = withoutKey(config, { stage, head }, many ?? [value]);
    const name = many === undefined ? 'value' : 'values';
    return refused ?? `${head}"ok","${name}":${JSON.stringify(many ?? value)}}\n`;
  });
}

const NOT_RUN = '{"key":null,"status":"notRun"}\n';
/** Deaths while a group was named after which the engine may blame it. */
const DEATHS = 3;

/** All groups in their order, chunk by chunk, whatever was cut and whoever died; after a cancel as far as it was released. */
export function checkGroupStage(
  { world, truth, invariants }: SimPorts,
  { round, number, cut, given }: { round: number; number: number; cut: boolean; given: unknown[] },
): void {
  const stage = truth.stage(round, number);
  const expected = (cut ? stage?.['rel'] : stage?.['sealed']) as number;
  const lines = oracleLines(world.config, { stage: number, round }, given);
  let place = 0;
  let end = 0;
  for (let chunk = 0; chunk < expected; chunk += 1) {
    const record = truth.chunk(round, chunk, number);
    const { start, first } = record as { start: number; first: number };
    if (start !== end) world.violate(`chunk ${chunk} of stage ${number} begins at ${start}`);
    end = record?.['end'] as number;
    const text = invariants.committed.get(chunkName(round, chunk, number)) ?? '';
    for (const [at, line] of text.split(/(?<=\n)/).entries()) {
      if (line === '') continue;
      const right = lines[place];
      place += 1;
      if (line === right || (cut && line === NOT_RUN)) continue;
      const { key, error } = JSON.parse(line) as { key: string; error?: { code: string } };
      const blamed = invariants.blamed.get(itemName(round, first + at, number)) ?? 0;
      if (error?.code === 'CRASHED' && right?.includes(`"key":"${key}"`) && blamed >= DEATHS) {
        world.hit('innocentCrashed');
      } else
        world.violate(`a group of stage ${number} is recorded as ${line.trim()}, not ${right}`);
    }
  }
  if (!cut && place !== lines.length) {
    world.violate(`stage ${number} has ${place} groups, ${lines.length} expected`);
  }
  const marks = truth.marks(round, number);
  if (marks !== expected) world.violate(`${marks} chunks committed, ${expected} expected`);
}
