/** One writer, one reader: `push` resolves when the reader may take more, so memory stays flat. */
export interface Channel<T> extends AsyncIterable<T> {
  push(item: T): Promise<void>;
  /** No more items; the reader ends after those that are there. */
  end(): void;
}

/** A channel that holds at most `limit` items that nobody took yet. */
export function newChannel<T>(limit: number): Channel<T> {
  const held: T[] = [];
  let ended = false;
  let wakeReader = (): void => undefined;
  let wakeWriter = (): void => undefined;
  const sleepReader = (): Promise<void> => new Promise((resolve) => (wakeReader = resolve));
  const sleepWriter = (): Promise<void> => new Promise((resolve) => (wakeWriter = resolve));
  return {
    async push(item) {
      while (held.length >= limit && !ended) await sleepWriter();
      held.push(item);
      wakeReader();
    },
    end() {
      ended = true;
      wakeReader();
      wakeWriter();
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          while (held.length > 0) {
            const item = held.shift() as T;
            wakeWriter();
            yield item;
          }
          if (ended) return;
          await sleepReader();
        }
      } finally {
        // A reader that gave up must not leave the writer asleep.
        ended = true;
        wakeWriter();
      }
    },
  };
}
