import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { addCloudCommands } from './program-cloud.ts';
import { addLookCommands } from './program-look.ts';
import { addRunCommands } from './program-run.ts';
import { type Cli, type GlobalFlags, newCli, PROGRESS_MODES } from './terminal.ts';

/** Runs an action with what the global flags say; the code it resolves with ends the process. */
export type Act = (command: Command, action: (cli: Cli) => Promise<number>) => Promise<void>;

const EPILOGUE = `
Examples:
  sluice run odds season-*.csv              the built-in odds job over some files
  sluice run ./job.ts items.ndjson --workers 4
  sluice items <batch> --status failed      what failed, and why
  sluice retry <batch>                      run what failed once more
  sluice resume <batch>                     go on after a pause, Ctrl-C or a crash

Exit codes:
  0 all items ok or skipped   1 error, or the batch failed or was cancelled
  2 done, with failed items   3 stopped by its threshold   4 not found
  64 bad usage                130 interrupted, all done work kept

Environment: SLUICE_HOME, SLUICE_STACK, SLUICE_CONCURRENCY, SLUICE_WORKERS, NO_COLOR, DEBUG=sluice (stack of an error)
`;

/** The whole command line; `onCode` is told the exit code of the command that ran. */
export function newProgram(onCode: (code: number) => void): Command {
  const program = new Command('sluice')
    .description(
      'Runs one job over every item of a large input, exactly once recorded, resumable anywhere.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addOption(new Option('--home <folder>', 'where batches are kept (default: .sluice)'))
    .option('--stack <name>', 'look at the batches of a deployed stack instead of a home')
    .option('--json', 'result as JSON (one document, or one line an item)')
    .option('--quiet', 'no talk on stderr')
    .addOption(
      new Option('--progress <mode>', 'how progress is shown on stderr (default: auto)').choices(
        PROGRESS_MODES,
      ),
    )
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showHelpAfterError('(sluice --help lists commands and options)')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', EPILOGUE);
  const act: Act = async (command, action) => {
    onCode(await action(newCli(command.optsWithGlobals<GlobalFlags>())));
  };
  addRunCommands(program, act);
  addLookCommands(program, act);
  addCloudCommands(program, act);
  program.helpCommand('help [command]', 'print help for a command');
  return program;
}

/** Of the package that this code belongs to: dist/cli/main.js and lib/ alike lie in it. */
function version(): string {
  const threadFile = createRequire(import.meta.url).resolve('#thread');
  const file = join(dirname(threadFile), '..', '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
