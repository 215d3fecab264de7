import { resolve } from 'node:path';
import { startServer } from '../app/serve/server.ts';
import { checkOption } from '../core/options.ts';
import { EXIT } from './exit-codes.ts';
import { listenForInterrupts } from './interrupts.ts';
import type { Cli } from './terminal.ts';
import { withHome } from './with-home.ts';
import { refuseStack } from './with-place.ts';

export interface ServeFlags {
  port?: string;
  running?: string;
  waiting?: string;
}

const PORT = {
  name: '--port',
  min: 0,
  max: 65_535,
  default: 4780,
  unit: 'a TCP port; 0 = any that is free',
  why: 'TCP has no others',
};
const RUNNING = {
  name: '--running',
  min: 1,
  max: 32,
  default: 2,
  unit: 'batches that run at once',
  why: 'each is a process of 80 MB and more with caps of its own',
};
const WAITING = {
  name: '--waiting',
  min: 0,
  max: 1_000,
  default: 16,
  unit: 'batches that wait',
  why: 'a longer queue hides that nobody keeps up',
};

/** Takes batches over HTTP until Ctrl-C, which has all that runs saved. */
export async function serveCommand(cli: Cli, flags: ServeFlags): Promise<number> {
  refuseStack(
    cli,
    'serve',
    'It runs batches on this machine; a stack takes uploads: sluice submit.',
  );
  const [port, running, waiting] = [
    checkOption(PORT, flags.port ?? PORT.default),
    checkOption(RUNNING, flags.running ?? RUNNING.default),
    checkOption(WAITING, flags.waiting ?? WAITING.default),
  ];
  return withHome(cli, async (home) => {
    const interrupts = listenForInterrupts(cli);
    const say = (line: string): void => cli.say(line);
    const served = await startServer(home, { port, running, waiting, say });
    // A second signal ends this process at once: its children must not outlive it.
    const onExit = (): void => served.kill();
    process.on('exit', onExit);
    const { url } = served;
    const facts = { url, port: served.port, home: resolve(cli.home), pid: process.pid };
    await cli.out(cli.json ? `${JSON.stringify(facts)}\n` : `${url}\n`);
    cli.say(`Up to ${running} batches run, ${waiting} more wait. Ctrl-C saves them and ends.`);
    await aborted(interrupts.signal);
    const left = await served.close();
    process.off('exit', onExit);
    interrupts.end();
    if (left === 0) return EXIT.ok;
    cli.say(
      `All is saved; ${left} ${left === 1 ? 'batch goes' : 'batches go'} on when serve starts again.`,
    );
    return EXIT.interrupted;
  });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
