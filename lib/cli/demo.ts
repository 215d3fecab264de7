import { statSync } from 'node:fs';
import { placeOfHome } from '../app/place.ts';
import { runBatch } from '../app/run-batch.ts';
import { formatBytes, formatCount } from '../core/format.ts';
import { EXIT } from './exit-codes.ts';
import { wholeNumber } from './flags.ts';
import { driveBatch } from './run.ts';
import { sampleFile } from './sample-file.ts';
import { showEnd } from './show-end.ts';
import { type Cli, shortPath } from './terminal.ts';
import { withHome } from './with-home.ts';

/** A minute's worth of watching on a slow machine; the crash story works its rows nearly three times. */
export const DEMO_ROWS = 250_000;
export const CRASH_ROWS = 60_000;

export const rowsOf = (text: string | undefined, otherwise: number): number =>
  text === undefined
    ? otherwise
    : wholeNumber('--rows', text, { min: 1, unit: 'rows of the sample' });

/** The odds job over a sample of football odds. Its few bad rows are meant to fail: that is no error here. */
export async function demoCommand(cli: Cli, rows: number): Promise<number> {
  return withHome(cli, async (home) => {
    const count = formatCount(rows, ' ');
    cli.say(
      `The odds job converts ${count} football matches of a made-up sample, some rows bad on purpose.`,
    );
    const { file, made } = await sampleFile(home.folder, rows);
    const size = formatBytes(statSync(file).size);
    cli.say(`Sample: ${shortPath(file)}, ${size}${made ? '' : ', kept from before'}`);
    const request = { job: 'odds', inputs: [file] };
    const taken = await driveBatch(cli, (hooks) => runBatch(home, { ...request, ...hooks }));
    const code = await showEnd(cli, placeOfHome(home), taken);
    if (taken.driven === 'ended' && !cli.json) {
      cli.say('');
      cli.say('Open the report in a browser. Run it again: it is known to be done.');
      cli.say(`Kill it half-way and see it go on: ${cli.command('demo --crash')}`);
    }
    return code === EXIT.failures ? EXIT.ok : code;
  });
}
