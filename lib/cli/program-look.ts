import { type Command, Option } from 'commander';
import { STATUSES } from '../core/outcome.ts';
import type { ItemsFlags } from './items.ts';
import { LOG_LEVELS } from './log-levels.ts';
import type { LogsFlags } from './logs.ts';
import type { Act } from './program.ts';
import type { PurgeFlags } from './purge.ts';
import type { ReportFlags } from './report.ts';
import type { WatchFlags } from './watch-for.ts';

/** Commands that look at batches, and purge. */
export function addLookCommands(program: Command, act: Act): void {
  program.commandsGroup('Look:');
  program
    .command('status [batch]')
    .description('how far a batch is (default: the newest)')
    .action((batch: string | undefined, _flags: object, command: Command) =>
      act(command, async (cli) => (await import('./status.ts')).statusCommand(cli, batch)),
    );
  program
    .command('watch [batch]')
    .description('follow a batch that another process, or a stack, runs (default: all that run)')
    .option('--every <time>', 'a line so often (default: 10s, with --for 1m)')
    .option('--for <time>', "sample it for so long, such as '6h', and fail if it is not steady")
    .option('--database <url>', 'with --for: also the size of this PostgreSQL database')
    .action((batch: string | undefined, flags: WatchFlags, command: Command) =>
      act(command, async (cli) => (await import('./watch.ts')).watchCommand(cli, { batch, flags })),
    );
  program
    .command('list')
    .description('all batches, newest first')
    .action((_flags: object, command: Command) =>
      act(command, async (cli) => (await import('./status.ts')).listCommand(cli)),
    );
  addItems(program, act);
  addResults(program, act);
}

function addItems(program: Command, act: Act): void {
  program
    .command('items <batch>')
    .description('outcomes of items, also of a batch that still runs')
    .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
    .option('--code <code>', 'only failures of this code')
    .option('--key <key>', 'only the item of this key')
    .option('--index <n>', 'only the item at this position, from 0')
    .option('--limit <n>', 'at most so many (default: 100 in a table, else all)')
    .addOption(new Option('--csv', 'as CSV, safe to open in a spreadsheet'))
    .action((batch: string, flags: ItemsFlags, command: Command) =>
      act(command, async (cli) => (await import('./items.ts')).itemsCommand(cli, { batch, flags })),
    );
  program
    .command('logs [batch]')
    .description('what the items of a batch logged')
    .addOption(new Option('--level <level>', 'this level and above').choices(LOG_LEVELS))
    .option('--index <n>', 'only the item at this position, from 0')
    .option('--engine', "the engine's own log instead: a line a chunk")
    .action((batch: string | undefined, flags: LogsFlags, command: Command) =>
      act(command, async (cli) => (await import('./logs.ts')).logsCommand(cli, { batch, flags })),
    );
}

function addResults(program: Command, act: Act): void {
  program
    .command('report <batch>')
    .description('summary of a finished batch, and where its files are')
    .option('--details', 'every item with its attempt facts, one JSON line each')
    .option('--save <folder>', "copy the report's files into a folder")
    .option('--round <n>', 'as it was after an earlier round, from 0 (default: the newest)')
    .action((batch: string, flags: ReportFlags, command: Command) =>
      act(command, async (cli) =>
        (await import('./report.ts')).reportCommand(cli, { batch, flags }),
      ),
    );
  program
    .command('verify <batch>')
    .description('recompute all that a finished batch left, and compare')
    .action((batch: string, _flags: object, command: Command) =>
      act(command, async (cli) => (await import('./verify.ts')).verifyCommand(cli, batch)),
    );
  program
    .command('purge [batch]')
    .description('delete all that finished batches left')
    .option('--older-than <time>', "all that ended longer ago, such as '30d'")
    .option(
      '--resolved',
      'only take batches whose failures were all resolved out of the list; parts and reports stay',
    )
    .option('--yes', 'do not ask')
    .action((batch: string | undefined, flags: PurgeFlags, command: Command) =>
      act(command, async (cli) => (await import('./purge.ts')).purgeCommand(cli, { batch, flags })),
    );
}
