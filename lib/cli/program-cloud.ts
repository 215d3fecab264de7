import { type Command, Option } from 'commander';
import type { EmulateFlags } from './emulate.ts';
import type { EmulateRunFlags } from './emulate-run.ts';
import type { Act } from './program.ts';

const EMULATE_EXAMPLES = `
Examples:
  sluice emulate                                        stays up until Ctrl-C
  sluice emulate run odds season.csv --stats            uploads it, waits, shows the report
  sluice emulate run odds data/ 'more/*.csv'            a batch for each file, as submit
  sluice emulate run odds all.manifest.jsonl            its files as one batch
  sluice emulate run odds season.csv --chaos duplicate=0.1,throttle=0.05,kill=0.02,seed=7
  sluice emulate invoke sweeper events/schedule.json    one event

The CDK app of this folder (cdk.json), or Sluice's own, is synthesised; its buckets, queues and table are made in
emulators on this machine, and its functions run in child processes under its time-outs, memory and concurrency.
Not emulated: rights, the event source's ramp, object versions, freezing of idle environments, metrics and alarms.
`;

/** Commands that have to do with a stack in the cloud, or with one that is emulated. */
export function addCloudCommands(program: Command, act: Act): void {
  program.commandsGroup('Cloud:');
  const emulate = program
    .command('emulate')
    .description('run the deployed stack on this machine')
    .option('--speed <n>', 'divide time-outs, visibility, delays and schedules by n')
    .option(
      '--chaos <faults>',
      'shares of what goes wrong: duplicate, throttle, kill, lose, reorder (0 to 1); skew of clocks in ms; seed',
    )
    .option('--jobs <a,b>', "jobs of the stack (default: the CDK app's own)")
    .option('--port <n>', 'of 127.0.0.1 (default: a free one)')
    .option('--account-concurrency <n>', 'concurrent executions of the account (default: 1000)')
    .option('--cdk-out <folder>', 'an output folder of the CDK app, instead of synthesising')
    .option('--stats', 'show what functions did, and requests and write units per chunk')
    .addHelpText('after', EMULATE_EXAMPLES)
    .action((_flags: object, command: Command) =>
      act(command, async (cli) =>
        (await import('./emulate.ts')).emulateCommand(cli, command.optsWithGlobals<EmulateFlags>()),
      ),
    );
  addEmulateRun(emulate, act);
  emulate
    .command('invoke <function> <event>')
    .description('run one function on an event (a JSON file, or - for stdin)')
    .action((...[name, file, , command]: [string, string, object, Command]) =>
      act(command, async (cli) => {
        const flags = command.optsWithGlobals<EmulateFlags>();
        return (await import('./emulate.ts')).emulateInvokeCommand(cli, { name, file, flags });
      }),
    );
}

function addEmulateRun(emulate: Command, act: Act): void {
  emulate
    .command('run <job> <inputs...>')
    .description(
      'upload files, folders, patterns or manifests to an emulated stack of its own, and wait for their batches',
    )
    .addOption(
      new Option('--option <name=value>', "an option of the job's own (repeatable)")
        .argParser((value: string, before: string[]) => [...before, value])
        .default([], 'none'),
    )
    .option('--now <time>', 'the time that the job sees, such as 2026-01-31T12:00:00Z')
    .option('--chunk <items>', 'items per chunk')
    .option('--concurrency <n>', "items in flight per worker, at most the job's own")
    .option('--tolerate <n|p%>', 'failed items that are tolerated; more stop the batch')
    .action((...[job, files, , command]: [string, string[], object, Command]) =>
      act(command, async (cli) => {
        const flags = command.optsWithGlobals<EmulateRunFlags>();
        return (await import('./emulate-run.ts')).emulateRunCommand(cli, { job, files, flags });
      }),
    );
}
