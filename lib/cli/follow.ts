import { lookAtRunner } from '../app/batch-facts.ts';
import { requireBatch } from '../app/place.ts';
import { standing } from '../app/runner.ts';
import type { Taken } from '../app/take-batch.ts';
import { withNoted } from '../app/underway.ts';
import { hasEnded } from '../core/transitions.ts';
import { type BatchState, batchState } from '../engine/status.ts';
import { openDisplay } from './progress.ts';
import type { Cli } from './terminal.ts';
import type { AnyPlace } from './with-place.ts';

/** A look costs a stack three requests. */
const LOOK_MS = { home: 500, stack: 1000 } as const;

export interface FollowOptions {
  batch: string;
  /** Gives up then; default: never. */
  timeoutMs?: number;
  /** Told at each look while it runs. */
  onLook?: (state: BatchState) => Promise<void>;
}

/** Shows how a batch goes that others run, until it has ended or is paused; undefined when the time is over. */
export async function followBatch(
  cli: Cli,
  place: AnyPlace,
  options: FollowOptions,
): Promise<Taken | undefined> {
  const display = await openDisplay(cli, place.kind === 'stack' ? 'functions work' : undefined);
  try {
    return await follow(cli, place, { ...options, update: display.update });
  } finally {
    display.end();
  }
}

interface Following extends FollowOptions {
  update: Awaited<ReturnType<typeof openDisplay>>['update'];
}

async function follow(
  cli: Cli,
  place: AnyPlace,
  { batch: id, timeoutMs = Number.POSITIVE_INFINITY, update, onLook }: Following,
): Promise<Taken | undefined> {
  const until = place.clock.monotonic() + timeoutMs;
  let told = false;
  for (;;) {
    const state = await batchState(place.store, id);
    if (state === undefined) return { batch: await requireBatch(place, id), driven: 'ended' };
    if (hasEnded(state.batch.status)) return { batch: state.batch, driven: 'ended' };
    const { alive, note } = await lookAtRunner(place, state);
    const now = standing(state.batch, alive);
    if (now === 'paused') return { batch: state.batch, driven: 'paused' };
    if (now === 'interrupted' && !told) {
      told = true;
      cli.say(`No process runs it. Go on with: ${cli.command(`resume ${id}`)}`);
    }
    const { rss: rssBytes } = process.memoryUsage();
    update({
      state: withNoted(state, note),
      busy: 0,
      slots: 0,
      threads: 0,
      codes: {},
      rssBytes,
      note,
    });
    await onLook?.(state);
    if (place.clock.monotonic() >= until) return undefined;
    await place.clock.sleep(LOOK_MS[place.kind]);
  }
}
