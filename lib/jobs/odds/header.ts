/** Rows of one file share their columns: what follows from them is made again only when they change. */
export function byHeader<T>(
  make: (header: readonly string[]) => T,
): (header: readonly string[]) => T {
  let lastKeys: readonly string[] = [];
  let last: T | undefined;
  return (keys) => {
    if (last !== undefined && keys.length === lastKeys.length) {
      let same = 0;
      while (same < keys.length && keys[same] === lastKeys[same]) same++;
      if (same === keys.length) return last;
    }
    lastKeys = keys;
    last = make(keys);
    return last;
  };
}
