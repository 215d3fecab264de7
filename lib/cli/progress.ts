import type { Progress } from '../app/drive.ts';
import { newPace } from '../core/pace.ts';
import { barLines, plainLine, type Shown } from './progress-line.ts';
import { type Cli, columnsOf } from './terminal.ts';

/** Shows how a batch goes, on stderr, until `end`. */
export interface Display {
  update(progress: Progress): void;
  end(): void;
}

/** At most 5 redraws a second; a little less than 200 ms, so that a timer of 200 ms never skips one. */
const REDRAW_MS = 190;
const PLAIN_MS = 10_000;

/**
 * A bar on a terminal; on other streams, whatever was asked for, a plain line every 10 s.
 * @param elsewhere who works, when no process of this machine does
 */
export async function openDisplay(cli: Cli, elsewhere?: string): Promise<Display> {
  const { progress: mode, quiet } = cli;
  if (quiet || mode === 'none') return { update: () => undefined, end: () => undefined };
  // A pseudo-terminal that nobody sized has 0 rows: log-update would draw nothing on it.
  const drawable = process.stderr.isTTY && process.stderr.rows > 0;
  return mode !== 'plain' && drawable ? barDisplay(cli, elsewhere) : plainDisplay(cli, elsewhere);
}

async function barDisplay(cli: Cli, elsewhere: string | undefined): Promise<Display> {
  const { createLogUpdate } = await import('log-update');
  // A hidden cursor would stay hidden after kill -9.
  const redraw = createLogUpdate(process.stderr, { showCursor: true });
  cli.beforeTalk = redraw.clear;
  const show = every(REDRAW_MS, 0, (shown) => {
    // One column is left free: a terminal wraps a line that fills it.
    const [first = '', second = ''] = barLines(
      { ...shown, elsewhere },
      Math.max(39, columnsOf(process.stderr) - 1),
    );
    redraw(`${first}\n${cli.paint('talk', 'dim', second)}`);
  });
  return {
    update: show,
    end() {
      redraw.clear();
      redraw.done();
      cli.beforeTalk = undefined;
    },
  };
}

function plainDisplay(cli: Cli, elsewhere: string | undefined): Display {
  const update = every(PLAIN_MS, PLAIN_MS, (shown) => cli.say(plainLine({ ...shown, elsewhere })));
  return { update, end: () => undefined };
}

/** Calls `show` at most once in `spanMs`, first after `firstMs`; sees every update for the rate. */
function every(spanMs: number, firstMs: number, show: (shown: Shown) => void) {
  const pace = newPace();
  let next = performance.now() + firstMs;
  return (progress: Progress): void => {
    const now = performance.now();
    pace.note(progress.state.doneItems, now);
    if (now < next) return;
    next = now + spanMs;
    show({ progress, rate: progress.note?.rate ?? pace.rate() });
  };
}
