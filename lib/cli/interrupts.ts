import { EXIT } from './exit-codes.ts';
import type { Cli } from './terminal.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const SAVING = 'Stopping: what runs is brought to its end and saved. Once more ends at once.';

/** The first signal asks for an end through `signal`, with what is said then; the second one ends the process at once. */
export function listenForInterrupts(cli: Cli, said = SAVING): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    cli.say(said);
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    end() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
