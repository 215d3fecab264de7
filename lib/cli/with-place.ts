import { resolve } from 'node:path';
import type { StackPlace } from '../app/aws/open-stack.ts';
import { type HomePlace, placeOfHome } from '../app/place.ts';
import { SluiceError } from '../core/errors.ts';
import type { Logger } from '../ports/logger.ts';
import { type Cli, EMULATE, shortPath } from './terminal.ts';
import { inHome } from './with-home.ts';

export type AnyPlace = HomePlace | StackPlace;

/** Runs an action on the stack that was named, else on the home, which must be there. */
export async function inPlace<T>(cli: Cli, action: (place: AnyPlace) => Promise<T>): Promise<T> {
  if (cli.stack !== undefined) return inStack(cli, action);
  return inHome(cli, (home) => action(placeOfHome(home)));
}

/** Opens the stack, and closes it whatever happens; faults of AWS come out as a person can act on them. */
export async function inStack<T>(cli: Cli, action: (place: StackPlace) => Promise<T>): Promise<T> {
  if (cli.stack === undefined) {
    throw new SluiceError('USAGE', 'Which stack?', {
      hint: 'Name it with --stack or SLUICE_STACK; --stack emulate is the emulator in this home.',
    });
  }
  const name = cli.stack === EMULATE ? await useEmulator(cli) : cli.stack;
  // Loaded here: commands on a home start without the AWS SDK.
  const { openStack } = await import('../app/aws/open-stack.ts');
  const place = await openStack(name, talkLogger(cli));
  try {
    return await action(place);
  } catch (error) {
    throw place.explain(error);
  } finally {
    await place.close();
  }
}

/** Points this process at the emulator that stands in the home, and at nothing else. */
async function useEmulator(cli: Cli): Promise<string> {
  const { readStanding } = await import('../app/emulate/standing.ts');
  const standing = readStanding(resolve(cli.home));
  if (standing === undefined) {
    throw new SluiceError('NOT_FOUND', `No emulator stands in ${shortPath(cli.home)}.`, {
      hint: 'Start one in another terminal: sluice emulate. One of another home is reached with --home.',
    });
  }
  // A profile would win over the emulator's own credentials.
  for (const name of ['AWS_PROFILE', 'AWS_SESSION_TOKEN']) delete process.env[name];
  Object.assign(process.env, standing.env);
  return standing.stack;
}

/** For commands that make or delete local things: a stack that was named is a mistake, not ignored. */
export function refuseStack(cli: Cli, command: string, hint: string): void {
  if (!cli.stackGiven) return;
  throw new SluiceError('USAGE', `${command} does not take --stack.`, { hint });
}

/** The engine's own log of commands on a stack: only what a person should know. */
function talkLogger(cli: Cli): Logger {
  const say = (message: string): void => cli.say(message);
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: say,
    error: say,
    child: () => logger,
    flush: async () => undefined,
  };
  return logger;
}
