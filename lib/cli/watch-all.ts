import { type BatchFacts, batchFacts, newestFirst, stateOf } from '../app/batch-facts.ts';
import { isWorked } from '../app/runner.ts';
import { figuresOfAll } from '../core/figures.ts';
import { formatCount, formatDuration, formatRate } from '../core/format.ts';
import { hasEnded } from '../core/transitions.ts';
import { EXIT } from './exit-codes.ts';
import { figureWords } from './progress-line.ts';
import { type Cli, columnsOf } from './terminal.ts';
import type { AnyPlace } from './with-place.ts';

const LOOK_MS = 1_000;

/** Shows all batches that run, until none does: redrawn on a terminal, else lines (of JSON) each `everyMs`. */
export async function watchAll(cli: Cli, place: AnyPlace, everyMs: number): Promise<number> {
  const show = await displayOf(cli, everyMs);
  try {
    for (let shown = 0; ; shown += 1) {
      const running = await runningNow(place);
      if (running.length === 0) {
        cli.say(shown === 0 ? 'No batch runs.' : 'No batch runs any more.');
        return EXIT.ok;
      }
      await show.draw(running);
      await place.clock.sleep(show.waitMs);
    }
  } finally {
    show.end();
  }
}

async function runningNow(place: AnyPlace): Promise<BatchFacts[]> {
  const found: BatchFacts[] = [];
  for (const { id, status } of await newestFirst(place)) {
    if (hasEnded(status)) continue;
    const state = await stateOf(place, id);
    if (state === undefined || hasEnded(state.batch.status)) continue;
    const facts = await batchFacts(place, state);
    if (isWorked(facts.status)) found.push(facts);
  }
  return found;
}

interface Drawing {
  waitMs: number;
  draw(running: BatchFacts[]): Promise<void>;
  end(): void;
}

async function displayOf(cli: Cli, everyMs: number): Promise<Drawing> {
  const end = (): void => undefined;
  if (cli.json) {
    return {
      waitMs: everyMs,
      draw: async (running) =>
        cli.out(
          `${JSON.stringify({ running: running.length, ...figuresOfAll(running), batches: running })}\n`,
        ),
      end,
    };
  }
  const drawable = process.stderr.isTTY && process.stderr.rows > 0;
  if (!drawable || cli.progress === 'plain') {
    return {
      waitMs: everyMs,
      draw: async (running) => cli.out(`${linesOf(running).join('\n')}\n`),
      end,
    };
  }
  const { createLogUpdate } = await import('log-update');
  const redraw = createLogUpdate(process.stderr, { showCursor: true });
  const width = columnsOf(process.stderr) - 1;
  return {
    waitMs: LOOK_MS,
    draw: async (running) =>
      redraw(
        linesOf(running)
          .map((line) => line.slice(0, width))
          .join('\n'),
      ),
    end() {
      redraw.clear();
      redraw.done();
    },
  };
}

function linesOf(running: BatchFacts[]): string[] {
  const lines = running.map((facts) => {
    const { batch, status, doneItems, totalItems } = facts;
    const amount =
      totalItems === null
        ? `${count(doneItems)} so far`
        : `${count(doneItems)}/${count(totalItems)}`;
    return [`${batch}: ${amount}`, ...(status === 'running' ? [] : [status]), ...words(facts)].join(
      ', ',
    );
  });
  if (running.length === 1) return lines;
  return [...lines, `all ${running.length}: ${words(figuresOfAll(running)).join(', ')}`];
}

function words(
  figures: Pick<BatchFacts, 'throughput' | 'etaMs'> & Parameters<typeof figureWords>[0],
): string[] {
  const { throughput, etaMs } = figures;
  return [
    ...(throughput === null ? [] : [formatRate(throughput, ' ')]),
    ...(etaMs === null ? [] : [`ETA ${formatDuration(etaMs)}`]),
    ...figureWords(figures),
  ];
}

const count = (n: number): string => formatCount(n, ' ');
