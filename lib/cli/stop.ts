import { requireBatch } from '../app/run-batch.ts';
import { hasRunner } from '../app/runner.ts';
import { cancelBatch, pauseBatch } from '../app/stop.ts';
import { EXIT } from './exit-codes.ts';
import { driveBatch } from './run.ts';
import { showEnd } from './show-end.ts';
import type { Cli } from './terminal.ts';
import { inHome } from './with-home.ts';

export async function pauseCommand(cli: Cli, id: string): Promise<number> {
  return inHome(cli, async (home) => {
    const batch = await pauseBatch(home, id);
    const running = await hasRunner(home, id);
    const status = running ? 'pausing' : 'paused';
    const resume = cli.command(`resume ${id}`);
    if (cli.json) await cli.out(`${JSON.stringify({ batch: batch.id, status, resume })}\n`);
    else if (running) {
      await cli.out(
        `Batch ${id} is pausing: the process that runs it saves and ends within 5 s.\n`,
      );
    } else await cli.out(`Batch ${id} is paused.\n`);
    cli.say(`Go on with: ${resume}`);
    return EXIT.ok;
  });
}

/** What was asked for is the cancel: that the batch ended cancelled is no error here. */
export async function cancelCommand(cli: Cli, id: string): Promise<number> {
  return inHome(cli, async (home) => {
    await requireBatch(home, id);
    const taken = await driveBatch(cli, ({ signal, onProgress }) =>
      cancelBatch(home, id, { signal, onProgress }),
    );
    const code = await showEnd(cli, home, taken);
    return taken.batch.status === 'cancelled' ? EXIT.ok : code;
  });
}
