import { SluiceError } from '../../core/errors.ts';
import { runnerKey } from '../../core/keys.ts';
import { dropRunner } from '../../core/transitions.ts';
import type { Home } from '../home.ts';
import { becomeRunner } from '../take-batch.ts';

/** No batch has this id: theirs end in a dash and ten letters. */
const SERVER = 'serve';

/** One server a home: two would run each other's batches, and their bounds would add up. Returns what gives it back. */
export async function lockHome(home: Home): Promise<() => Promise<void>> {
  const key = runnerKey(SERVER);
  const owner = home.host.newOwner();
  if (!(await becomeRunner(home, SERVER, owner))) {
    throw new SluiceError('STATE', `Another sluice serve stands on ${home.folder}.`, {
      hint: 'Use that one, end it with Ctrl-C, or give this one a home of its own: --home <folder>.',
    });
  }
  home.store.hold(key, { kind: 'runner', owner });
  return async () => {
    home.store.drop(key);
    await home.store.change(key, dropRunner(owner));
  };
}
