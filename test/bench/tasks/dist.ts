import { pathToFileURL } from 'node:url';
import type { Home } from '../../../lib/app/home.ts';
import type * as Local from '../../../lib/local.ts';

/** What people import as `sluice/local`, as built. */
export const builtLocal = async (root: string): Promise<typeof Local> =>
  (await import(pathToFileURL(`${root}dist/local.js`).href)) as typeof Local;

/** The home with a call after each commit of a chunk: commits are the only changes of tallies that add items. */
export function watchCommits(home: Home, onCommit: () => void): Home {
  const { store } = home;
  return {
    ...home,
    store: {
      ...store,
      async change(key, change) {
        const answer = await store.change(key, change);
        if (answer.applied && key.sort.startsWith('T') && change.add?.['n'] === 1) onCommit();
        return answer;
      },
    },
  };
}
