import type { StackPlace } from '../app/aws/open-stack.ts';
import { chosen, refuseEmpty, retryBatch } from '../app/retry.ts';
import type { Taken } from '../app/take-batch.ts';
import { SluiceError } from '../core/errors.ts';
import { formatCount, visible } from '../core/format.ts';
import { shareWords } from '../core/quota-settings.ts';
import type { RetryFilter } from '../core/retry.ts';
import { firstGroups } from '../core/stage-settings.ts';
import { toleranceOf } from '../core/tolerance.ts';
import type { Batch } from '../engine/batch.ts';
import type { RetryPlan } from '../engine/plan-retry.ts';
import { EXIT } from './exit-codes.ts';
import { limitsOf, wholeNumber } from './flags.ts';
import { followBatch } from './follow.ts';
import { driveBatch, type RunFlags, refuseWidth } from './run.ts';
import { showEnd } from './show-end.ts';
import { type Cli, word } from './terminal.ts';
import { inPlace } from './with-place.ts';

export type RetryFlags = Pick<
  RunFlags,
  'concurrency' | 'workers' | 'parallel' | 'tolerate' | 'acceptCodeChange' | 'details'
> & {
  code: string[];
  key: string[];
  first?: string;
  stalled?: boolean;
  stage?: string;
  dryRun?: boolean;
  wait?: boolean;
};

/** More names than that do not fit into a batch record. */
const MAX_CODES = 50;

export async function retryCommand(
  cli: Cli,
  { batch: id, flags }: { batch: string; flags: RetryFlags },
): Promise<number> {
  const filter = filterOf(flags);
  if (cli.stack !== undefined) refuseWidth('retry', flags);
  const { concurrency, workers, tolerateFailures } = limitsOf(flags, process.env);
  const limits = {
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(workers === undefined ? {} : { workers }),
    ...(tolerateFailures === undefined ? {} : { tolerateFailures }),
  };
  const acceptCode = flags.acceptCodeChange === true;
  return inPlace(cli, async (place) => {
    if (flags.dryRun === true) {
      const { batch, plan } = await chosen(place, id, filter);
      const anew = groupsOf(batch);
      await cli.out(
        cli.json
          ? `${JSON.stringify({ ...dryFacts(id, plan), ...(anew === undefined ? {} : { anew }) })}\n`
          : dryText(cli, { id, plan, filter, anew }),
      );
      return EXIT.ok;
    }
    if (place.kind === 'stack') return retryStack(cli, place, { id, filter, flags });
    if (flags.wait === true)
      throw new SluiceError('USAGE', '--wait is for a stack: a home always waits.');
    const taken = await driveBatch(cli, ({ signal, onProgress }) =>
      retryBatch(place.home, {
        ...{ batch: id, filter, limits, acceptCode, signal, onProgress },
        parallel: flags.parallel ?? 'auto',
        onRound: (batch, items) => sayBegun(cli, batch, items),
      }),
    );
    return showEnd(cli, place, { ...taken, details: flags.details === true });
  });
}

/** The stage from which on the round works all anew. */
const groupsOf = ({ settings }: Batch): string | undefined =>
  settings.stages?.[firstGroups(settings)]?.name;

function sayBegun(cli: Cli, batch: Batch, items: number): void {
  const { id, round, settings } = batch;
  const share = shareWords(settings);
  if (share !== undefined) cli.say(share);
  const what = items === 1 ? 'item' : 'items';
  const groups = groupsOf(batch);
  const anew = groups === undefined ? '' : `; stage '${groups}' and those behind it work all anew`;
  cli.say(`Round ${round} of batch ${id}: ${count(items)} ${what} once more${anew}.`);
}

async function retryStack(
  cli: Cli,
  place: StackPlace,
  { id, filter, flags }: { id: string; filter: RetryFilter; flags: RetryFlags },
): Promise<number> {
  const { batch, plan } = await chosen(place, id, filter);
  refuseEmpty(batch, plan, filter);
  const { retryOnStack } = await import('../app/aws/stack-retry.ts');
  const tolerate = toleranceOf(limitsOf(flags, {}).tolerateFailures);
  const acceptCode = flags.acceptCodeChange === true;
  const begun = await retryOnStack(place, batch, { plan, acceptCode, tolerate });
  const { round } = begun;
  sayBegun(cli, begun, plan.eligible);
  if (flags.wait === true) {
    return showEnd(cli, place, (await followBatch(cli, place, { batch: id })) as Taken);
  }
  const watch = cli.command(`watch ${id}`);
  if (cli.json) {
    await cli.out(`${JSON.stringify({ batch: id, round, items: plan.eligible, watch })}\n`);
  }
  cli.say(`Follow it with: ${watch}`);
  return EXIT.ok;
}

function filterOf({ code, key, first, stalled, stage }: RetryFlags): RetryFilter {
  if (code.length > MAX_CODES) {
    throw new SluiceError('USAGE', `--code can be given ${MAX_CODES} times; got ${code.length}.`, {
      hint: 'Leave it out to take all that failed.',
    });
  }
  return {
    ...(code.length === 0 ? {} : { codes: code }),
    ...(key.length === 0 ? {} : { keys: key }),
    ...(first === undefined
      ? {}
      : { first: wholeNumber('--first', first, { min: 1, unit: 'items' }) }),
    ...(stalled === true ? { stalled } : {}),
    ...(stage === undefined ? {} : { stage }),
  };
}

function dryFacts(batch: string, { round, eligible, choice, left, codes, report }: RetryPlan) {
  const { failed, stalled } = choice;
  const { ok, skipped, notRun, resolved = 0 } = report;
  return {
    ...{ batch, round, eligible, failed, stalled },
    notTaken: {
      otherCode: left.code,
      otherKey: left.key,
      otherStage: left.stage,
      stalled: left.stalled,
      beyondFirst: left.first,
    },
    others: { ok, skipped, notRun, resolved },
    codes: Object.fromEntries(codes),
  };
}

const count = (n: number): string => formatCount(n, ' ');

interface DryRun {
  id: string;
  plan: RetryPlan;
  filter: RetryFilter;
  anew: string | undefined;
}

/** The command that begins what a dry run showed. */
const startOf = (
  id: string,
  { codes = [], keys = [], first, stalled, stage }: RetryFilter,
): string =>
  [
    `retry ${word(id)}`,
    ...codes.map((code) => `--code ${word(code)}`),
    ...keys.map((key) => `--key ${word(key)}`),
    ...(first === undefined ? [] : [`--first ${first}`]),
    ...(stalled === true ? ['--stalled'] : []),
    ...(stage === undefined ? [] : [`--stage ${word(stage)}`]),
  ].join(' ');

function dryText(cli: Cli, { id, plan, filter, anew }: DryRun): string {
  const { round, eligible, left, report } = plan;
  const { ok, skipped, notRun, resolved = 0 } = report;
  const reasons: [number, string][] = [
    [left.code, 'failed with another code'],
    [left.key, 'failed with another key'],
    [left.stage, 'failed in another stage'],
    [left.stalled, 'stalled: the remote may still work on them (--stalled takes them)'],
    [left.first, 'beyond --first'],
    [notRun, 'were not run: a retry is for what failed'],
    [resolved, 'resolved by earlier rounds'],
    [ok + skipped - resolved, 'ok or skipped at once'],
  ];
  const codes = [...plan.codes].map(([code, items]) => `${visible(code)} (${count(items)})`);
  const lines = [
    `batch     ${id}`,
    `eligible  ${count(eligible)} ${eligible === 1 ? 'item' : 'items'}, as round ${round}`,
    ...(anew === undefined || eligible === 0
      ? []
      : [`anew      all of stage '${anew}' and those behind it, since its groups may change`]),
    ...(codes.length > 0 ? [`codes     ${codes.slice(0, 20).join(', ')}`] : []),
    ...reasons
      .filter(([items]) => items > 0)
      .map(([items, why], at) => `${at === 0 ? 'not       ' : '          '}${count(items)} ${why}`),
    ...(eligible > 0 ? [`start     ${cli.command(startOf(id, filter))}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
