import { isDiscovering } from '../core/discovery.ts';
import { type ItemError, isBroken } from '../core/errors.ts';
import { groupKey } from '../core/group.ts';
import { isGroupBy, type Stage, stageJob } from '../core/stage.ts';
import { stageSettings } from '../core/stage-settings.ts';
import type { Input } from '../ports/input.ts';
import type { AttemptSpec, Control } from './engine.ts';
import { itemsOfText, numberIn } from './given-lines.ts';
import { openGroups } from './group-input.ts';
import type { SharedContext } from './item-context.ts';
import type { AttemptEnv } from './item-run.ts';
import { secretCleaner } from './redact.ts';
import { stageInput } from './stage-input.ts';

/** The job and the settings of one stage. */
export function stageEnv(env: AttemptEnv, stage: number): AttemptEnv {
  const clean = secretCleaner(env.secrets);
  const next = env.job.stages?.[stage + 1];
  const keys = new Map<number, string>();
  const unfitValue = (value: unknown, number = Number.NaN): ItemError | undefined => {
    const found = groupKey(next as Stage, value);
    if ('error' in found) return found.error;
    if (!Number.isNaN(number) && keys.size < MAX_KEYS) keys.set(number, found.key);
    return undefined;
  };
  // Of the very text that is stored: whoever groups it sees nothing else.
  const unfit: SharedContext['unfit'] = (line, one) => {
    if (one !== undefined && clean === undefined) {
      return unfitValue(one.parsed ?? JSON.parse(one.text), one.number);
    }
    const { values, givers } = itemsOfText(clean?.(line) ?? line, ALL);
    for (const value of values) {
      const number = values.length === 1 ? numberIn(givers[0] as string) : Number.NaN;
      const error = unfitValue(value, number);
      if (error !== undefined) return error;
    }
    return undefined;
  };
  return {
    ...env,
    job: stageJob(env.job, stage),
    settings: stageSettings(env.settings, stage),
    grouped: isGroupBy(env.job, stage),
    by: env.job.stages?.[stage],
    ...(isGroupBy(env.job, stage + 1) ? { unfit, keys } : {}),
  };
}

/** Keys that an attempt remembers until its part is written: 1 KB each at most, mostly 50 bytes. */
const MAX_KEYS = 10_000;

const ALL = { from: 0, to: Number.POSITIVE_INFINITY };

/** What the attempt works, and its range as it turned out. */
export async function itemsOf(
  { input, job, objects, filter, grouped, by, waiting, shared }: AttemptEnv,
  spec: AttemptSpec,
  control: Pick<Control, 'state'>,
): Promise<{ items: Pick<Input, 'records' | 'indexes' | 'stalled'>; spec: AttemptSpec }> {
  if (spec.id.stage === 0) return { items: input, spec };
  if (grouped !== true) {
    const found = spec.id.stage === 1 && isDiscovering(job.input);
    const lookAgain = isDiscovering(job.input) ? job.input.lookAgain : undefined;
    return { items: stageInput(objects, spec.id, { filter, found, lookAgain }), spec };
  }
  const items = await openGroups(objects, { ...spec, by, waiting, shared }).catch((error) => {
    if (!isBroken(error) || control.state() !== 'cancel') throw error;
    // This is what ended the round: how many groups were not run nobody knows.
    return { count: spec.cursor, async *records() {} };
  });
  return { items, spec: { ...spec, range: { ...spec.range, count: items.count } } };
}
