import { SluiceError } from '../core/errors.ts';
import type { Remotes } from '../core/poll.ts';
import type { ListedStage, RetryLine } from '../core/retry.ts';
import type { FailureLine } from './merge-round.ts';
import type { Origin, Origins } from './origin-chunks.ts';

type OpenLine = Origin & {
  items: number[];
  stalled?: number[];
  remotes?: Record<number, Remotes>;
};

/** The list of a round, made of failures in their order and the chunks that they were first in, side by side. */
export function newRetryList({ chunksOf, nexts }: Origins) {
  const lines: string[] = [];
  const stages = nexts.map((next): ListedStage => ({ bytes: 0, items: 0, next }));
  let at: { stage: number; chunks: AsyncGenerator<Origin> } | undefined;
  let open: OpenLine | undefined;
  const close = (): void => {
    const stage = stages[at?.stage ?? 0];
    if (open !== undefined && open.items.length > 0 && stage !== undefined) {
      const line = `${JSON.stringify(open satisfies RetryLine)}\n`;
      lines.push(line);
      stage.bytes += Buffer.byteLength(line);
      stage.items += open.items.length;
    }
    open = undefined;
  };
  const chunkWith = async ({ stage = 0, index }: FailureLine): Promise<OpenLine> => {
    if (at?.stage !== stage) {
      close();
      at = { stage, chunks: chunksOf(stage) };
    }
    while (open === undefined || index >= open.first + open.count) {
      close();
      const next = await at.chunks.next();
      if (next.done) throw new SluiceError('DAMAGED', `No chunk holds the item ${index}.`);
      open = { ...next.value, items: [] };
    }
    return open;
  };
  return {
    /** @param stalled of an item that had stalled: work that its remotes began */
    async add(failure: FailureLine, stalled?: { remotes: Remotes | undefined }): Promise<void> {
      const line = await chunkWith(failure);
      const place = failure.index - line.first;
      line.items.push(place);
      if (stalled === undefined) return;
      line.stalled ??= [];
      line.stalled.push(place);
      const { remotes } = stalled;
      if (remotes !== undefined) line.remotes = { ...line.remotes, [place]: remotes };
    },
    /** To be asked for once. `stages` is absent for a job of one. */
    end(): { bytes: Buffer; stages: readonly ListedStage[] | undefined } {
      close();
      const bytes = Buffer.from(lines.join(''));
      return { bytes, stages: stages.length === 1 ? undefined : stages };
    },
  };
}
