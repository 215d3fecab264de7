import { createInterface } from 'node:readline/promises';
import type { Home } from '../app/home.ts';
import { placeOfHome, requireBatch } from '../app/place.ts';
import { finishedBefore, forgetResolved, type Purged, purgeBatch } from '../app/purge.ts';
import { parseDuration } from '../core/duration.ts';
import { SluiceError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { hasEnded } from '../core/transitions.ts';
import { listBatches } from '../engine/batch.ts';
import { EXIT } from './exit-codes.ts';
import type { Cli } from './terminal.ts';
import { inHome } from './with-home.ts';
import { inPlace } from './with-place.ts';

export interface PurgeFlags {
  resolved?: boolean;
  olderThan?: string;
  yes?: boolean;
}

export async function purgeCommand(
  cli: Cli,
  { batch, flags }: { batch: string | undefined; flags: PurgeFlags },
): Promise<number> {
  if (flags.resolved === true) return purgeResolved(cli, batch, flags);
  // Also where the environment names it: what is deleted must be where the person thinks it is.
  if (cli.stack !== undefined) {
    throw new SluiceError('USAGE', `purge works on a home only, not on stack ${cli.stack}.`, {
      hint: "A stack keeps its batches as it was deployed: -c keep=90d expires records, -c keepReports=90d parts and reports. For a home's batches give --home.",
    });
  }
  if ((batch === undefined) === (flags.olderThan === undefined)) {
    throw new SluiceError('USAGE', 'purge takes one batch, or --older-than with an age.', {
      hint: `Such as: ${cli.command('purge --older-than 30d')}`,
    });
  }
  const age = flags.olderThan === undefined ? 0 : parseDuration('--older-than', flags.olderThan);
  return inHome(cli, async (home) => {
    const ids = batch === undefined ? await finishedBefore(home, home.clock.now() - age) : [batch];
    if (batch !== undefined) await checkFinished(home, batch);
    if (ids.length > 0 && flags.yes !== true) await confirm(cli, ids);
    const purged: Purged[] = [];
    for (const id of ids) purged.push(await purgeBatch(home, id));
    const bytes = purged.reduce((sum, one) => sum + one.bytes, 0);
    if (cli.json) await cli.out(`${JSON.stringify({ purged, bytes })}\n`);
    else await cli.out(purgedText(purged, bytes));
    return EXIT.ok;
  });
}

/** Nothing is deleted that could be missed, so nobody is asked; a stack can do it by itself (-c purgeResolved=30d). */
async function purgeResolved(
  cli: Cli,
  batch: string | undefined,
  { olderThan }: PurgeFlags,
): Promise<number> {
  if (batch !== undefined || olderThan === undefined) {
    throw new SluiceError(
      'USAGE',
      'purge --resolved takes --older-than with an age, and no batch.',
      {
        hint: `Such as: ${cli.command('purge --resolved --older-than 30d')}`,
      },
    );
  }
  const age = parseDuration('--older-than', olderThan);
  return inPlace(cli, async (place) => {
    const entries = await listBatches(place.store);
    const forgotten = await forgetResolved(place, entries, place.clock.now() - age);
    if (cli.json) await cli.out(`${JSON.stringify({ forgotten })}\n`);
    else if (forgotten.length === 0) await cli.out('No batch was resolved that long ago.\n');
    else {
      const lines = forgotten.map((id) => `forgot    ${id}, its parts and reports stay`);
      await cli.out(`${lines.join('\n')}\n`);
    }
    return EXIT.ok;
  });
}

/** Before anybody is asked. What a purge that did not end left behind has no batch record any more. */
async function checkFinished(home: Home, id: string): Promise<void> {
  const batch = await requireBatch(placeOfHome(home), id).catch(() => undefined);
  if (batch === undefined || hasEnded(batch.status)) return;
  await purgeBatch(home, id);
}

function purgedText(purged: Purged[], bytes: number): string {
  if (purged.length === 0) return 'No finished batch is that old.\n';
  const lines = purged.map(({ batch, objects }) => `purged ${batch}, ${objects} files`);
  return `${[...lines, `freed ${formatBytes(bytes)}`].join('\n')}\n`;
}

async function confirm(cli: Cli, ids: readonly string[]): Promise<void> {
  const what = ids.length === 1 ? `batch ${ids[0]}` : `${ids.length} batches`;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new SluiceError('USAGE', `Purging ${what} cannot be undone: say --yes.`, {
      hint: `They are: ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', ...' : ''}`,
    });
  }
  cli.say(ids.join('\n'));
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`Purge ${what} with all outcomes and reports? [y/N] `);
  lines.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new SluiceError('STATE', 'Nothing was purged.');
}
