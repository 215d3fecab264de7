import type { Home } from '../app/home.ts';
import { requireBatch } from '../app/run-batch.ts';
import { hasRunner, standing } from '../app/runner.ts';
import type { Taken } from '../app/take-batch.ts';
import { hasEnded } from '../core/transitions.ts';
import type { Batch } from '../engine/batch.ts';
import { batchState } from '../engine/status.ts';
import { openDisplay } from './progress.ts';
import { showEnd } from './show-end.ts';
import type { Cli } from './terminal.ts';
import { inHome } from './with-home.ts';

const LOOK_MS = 500;

/** Follows a batch that another process runs until it has ended or is paused; never touches it. */
export async function watchCommand(cli: Cli, id: string): Promise<number> {
  return inHome(cli, async (home) => {
    const batch = await requireBatch(home, id);
    const display = await openDisplay(cli);
    let taken: Taken;
    try {
      taken = await follow(cli, home, { batch, update: display.update });
    } finally {
      display.end();
    }
    return showEnd(cli, home, taken);
  });
}

interface Following {
  batch: Batch;
  update: Awaited<ReturnType<typeof openDisplay>>['update'];
}

async function follow(cli: Cli, home: Home, { batch, update }: Following): Promise<Taken> {
  let told = false;
  for (;;) {
    const state = await batchState(home.store, batch.id);
    if (state === undefined) return { batch: await requireBatch(home, batch.id), driven: 'ended' };
    if (hasEnded(state.batch.status)) return { batch: state.batch, driven: 'ended' };
    const now = standing(state.batch, await hasRunner(home, batch.id));
    if (now === 'paused') return { batch: state.batch, driven: 'paused' };
    if (now === 'interrupted' && !told) {
      told = true;
      cli.say(`No process runs it. Go on with: ${cli.command(`resume ${batch.id}`)}`);
    }
    const { rss: rssBytes } = process.memoryUsage();
    update({ state, busy: 0, slots: 0, threads: 0, codes: {}, rssBytes });
    await home.clock.sleep(LOOK_MS);
  }
}
