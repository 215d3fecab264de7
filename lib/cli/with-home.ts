import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Home, openHome } from '../app/home.ts';
import { SluiceError } from '../core/errors.ts';
import type { Cli } from './terminal.ts';

/** Opens the home, making it if need be, and closes it whatever happens. */
export async function withHome<T>(cli: Cli, action: (home: Home) => Promise<T>): Promise<T> {
  const home = await openHome(cli.home);
  try {
    return await action(home);
  } finally {
    await home.close();
  }
}

/** For commands that only look: a home that is not there is said to be so, not made. */
export async function inHome<T>(cli: Cli, action: (home: Home) => Promise<T>): Promise<T> {
  if (!hasHome(cli)) {
    throw new SluiceError('NOT_FOUND', `There is no home folder ${cli.home} here.`, {
      hint: 'Go to the folder where the batch was started, or name its home with --home.',
    });
  }
  return withHome(cli, action);
}

export const hasHome = (cli: Cli): boolean => existsSync(resolve(cli.home));
