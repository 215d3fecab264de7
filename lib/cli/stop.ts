import type { StackPlace } from '../app/aws/open-stack.ts';
import { requireBatch } from '../app/place.ts';
import { hasRunner } from '../app/runner.ts';
import { cancelBatch, pauseBatch } from '../app/stop.ts';
import { EXIT } from './exit-codes.ts';
import { followBatch } from './follow.ts';
import { driveBatch } from './run.ts';
import { showEnd } from './show-end.ts';
import type { Cli } from './terminal.ts';
import { type AnyPlace, inPlace } from './with-place.ts';

export async function pauseCommand(cli: Cli, id: string): Promise<number> {
  return inPlace(cli, async (place) => {
    const batch = await pause(place, id);
    const running = await hasRunner(place, batch);
    const status = running ? 'pausing' : 'paused';
    const resume = cli.command(`resume ${id}`);
    const who =
      place.kind === 'home'
        ? 'the process that runs it saves and ends'
        : 'its workers save and give their chunks back';
    if (cli.json) await cli.out(`${JSON.stringify({ batch: batch.id, status, resume })}\n`);
    else if (running) await cli.out(`Batch ${id} is pausing: ${who} within 5 s.\n`);
    else await cli.out(`Batch ${id} is paused.\n`);
    cli.say(`Go on with: ${resume}`);
    return EXIT.ok;
  });
}

async function pause(place: AnyPlace, id: string) {
  if (place.kind === 'home') return pauseBatch(place.home, id);
  const { pauseOnStack } = await import('../app/aws/stack-stop.ts');
  return pauseOnStack(place, id);
}

/** What was asked for is the cancel: that the batch ended cancelled is no error here. */
export async function cancelCommand(cli: Cli, id: string): Promise<number> {
  return inPlace(cli, async (place) => {
    await requireBatch(place, id);
    if (place.kind === 'stack') return cancelAndFollow(cli, place, id);
    const taken = await driveBatch(cli, ({ signal, onProgress }) =>
      cancelBatch(place.home, id, { signal, onProgress }),
    );
    const code = await showEnd(cli, place, taken);
    return taken.batch.status === 'cancelled' ? EXIT.ok : code;
  });
}

/** Workers see a cancel within 5 s; a chunk whose worker died waits for its lease and the sweeper. */
const CANCEL_WAIT_MS = 120_000;

async function cancelAndFollow(cli: Cli, place: StackPlace, id: string): Promise<number> {
  const { cancelOnStack } = await import('../app/aws/stack-stop.ts');
  await cancelOnStack(place, id);
  const taken = await followBatch(cli, place, { batch: id, timeoutMs: CANCEL_WAIT_MS });
  if (taken !== undefined) {
    const code = await showEnd(cli, place, taken);
    return taken.batch.status === 'cancelled' ? EXIT.ok : code;
  }
  const watch = cli.command(`watch ${id}`);
  if (cli.json) await cli.out(`${JSON.stringify({ batch: id, status: 'stopping', watch })}\n`);
  cli.say(
    `Batch ${id} is cancelled, but has not ended after ${CANCEL_WAIT_MS / 1000} s: a worker still runs, or died; the sweeper ends it.`,
  );
  cli.say(`Follow it with: ${watch}`);
  return EXIT.ok;
}
