/** Maps with at most `ahead` calls under way, and yields the results in the order of the source. */
export async function* mapOrdered<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  ahead: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const pending: Promise<R>[] = [];
  try {
    for await (const item of source) {
      const next = map(item);
      // An error is thrown when its turn comes; until then it must not count as unhandled.
      next.catch(() => undefined);
      pending.push(next);
      if (pending.length >= ahead) yield await (pending.shift() as Promise<R>);
    }
    while (pending.length > 0) yield await (pending.shift() as Promise<R>);
  } finally {
    await Promise.allSettled(pending);
  }
}
