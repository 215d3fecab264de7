import { type Command, Option } from 'commander';
import { DELIMITER_NAMES } from './flags.ts';
import type { Act } from './program.ts';
import type { RetryFlags } from './retry.ts';
import type { ResumeFlags, RunFlags } from './run.ts';
import type { ServeFlags } from './serve.ts';
import type { SubmitFlags } from './submit.ts';

const RUN_EXAMPLES = `
Examples:
  sluice run odds seasons/*.csv --option commission=2%
  sluice run ./job.ts items.csv --concurrency 8 --workers 2 --tolerate 1%
  cat items.ndjson | sluice run ./job.ts -
  sluice run odds .sluice/batches/<batch>/r0/failures.jsonl    failed rows as a batch of their own

The same unchanged input, job and options are the same batch: running it again resumes it, or says that
it is done. A flag wins over SLUICE_CONCURRENCY and SLUICE_WORKERS, which win over the job's own limits.
`;

/** After an unknown option: most often it is one of the job's own. */
const JOB_OPTIONS =
  '(an option of the job itself is given as --option name=value; --help lists the others)';

// The actions are loaded when they run: --help and --version then need no database and no bundler.

/** Commands that make a batch go on or stop. */
export function addRunCommands(program: Command, act: Act): void {
  program.commandsGroup('Run:');
  addRun(program, act);
  addSubmit(program, act);
  const resume = program
    .command('resume <batch>')
    .description('go on with a batch after a pause, an interrupt or a crash');
  addWidth(resume)
    .addOption(acceptCode())
    .addOption(detailsOption())
    .action((batch: string, flags: ResumeFlags, command: Command) =>
      act(command, async (cli) => (await import('./run.ts')).resumeCommand(cli, { batch, flags })),
    );
  addRetry(program, act);
  program
    .command('pause <batch>')
    .description('stop a batch after a checkpoint; resume goes on')
    .action((batch: string, _flags: object, command: Command) =>
      act(command, async (cli) => (await import('./stop.ts')).pauseCommand(cli, batch)),
    );
  program
    .command('cancel <batch>')
    .description('end a batch for good: the rest is recorded as not run')
    .action((batch: string, _flags: object, command: Command) =>
      act(command, async (cli) => (await import('./stop.ts')).cancelCommand(cli, batch)),
    );
  addServe(program, act);
  addFirstSteps(program, act);
}

function addRun(program: Command, act: Act): void {
  const run = program
    .command('run <job> <inputs...>')
    .description(
      'run a job (built-in name or job file) over files, folders, patterns, manifests, or - for stdin',
    )
    .showHelpAfterError(JOB_OPTIONS);
  addWidth(run)
    .option('--chunk <items>', 'items per chunk: the unit of checkpoint and repeat')
    .option('--tolerate <n|p%>', 'failed items that are tolerated; more stop the batch')
    .option('--item-timeout <time>', "time of one item with all its tries, such as '30s'")
    .option('--max-record-bytes <n>', 'a larger record is one failed item')
    .option('--option <name=value>', "an option of the job's own (repeatable)", collect, [])
    .addOption(new Option('--encoding <name>', 'of the input').choices(['utf8', 'latin1']))
    .addOption(new Option('--delimiter <char>', 'of CSV input').choices(DELIMITER_NAMES))
    .option('--now <time>', 'the time that the job sees, such as 2026-01-31T12:00:00Z')
    .option('--again', 'a new batch, although the same was run before')
    .addOption(acceptCode())
    .addOption(detailsOption())
    .addHelpText('after', RUN_EXAMPLES)
    .action((...[job, inputs, flags, command]: [string, string[], RunFlags, Command]) =>
      act(command, async (cli) =>
        (await import('./run.ts')).runCommand(cli, { job, inputs, flags }),
      ),
    );
}

const RETRY_EXAMPLES = `
Examples:
  sluice retry <batch> --dry-run            how many would run, and why the others would not
  sluice retry <batch> --code TIMEOUT --code SERVER_ERROR
  sluice retry <batch> --first 10           try a few before the rest

A retry is a new round of the batch: nothing of an earlier round is rewritten, and the report shows every
round. The items see the same record, options, now and random numbers as before. From a job's first groupBy
on the round works all anew, since what is retried may join any group.
`;

function addRetry(program: Command, act: Act): void {
  const retry = program
    .command('retry <batch>')
    .description('run failed items of a batch that has ended once more, as its next round')
    .option('--code <code>', 'only failures of this code (repeatable)', collect, [])
    .option('--key <key>', 'only the item of this key (repeatable)', collect, [])
    .option('--stage <name>', 'only items of this stage, of a job of several')
    .option('--first <n>', 'at most so many, in input order')
    .option('--stalled', 'stalled items too: the remote may still work on them')
    .option('--dry-run', 'only say how many would run, and why the others would not');
  addWidth(retry)
    .option('--tolerate <n|p%>', 'failed items that the round tolerates (default: all)')
    .option('--wait', 'with --stack: follow the round to its end')
    .addOption(acceptCode())
    .addOption(detailsOption())
    .addHelpText('after', RETRY_EXAMPLES)
    .action((batch: string, flags: RetryFlags, command: Command) =>
      act(command, async (cli) => (await import('./retry.ts')).retryCommand(cli, { batch, flags })),
    );
}

function addServe(program: Command, act: Act): void {
  program
    .command('serve')
    .description('take batches over HTTP on this machine, and show them live; Ctrl-C saves them')
    .option('--port <n>', 'on 127.0.0.1 and ::1 (default: 4780; 0 = any that is free)')
    .option('--running <n>', 'batches that run at once (default: 2)')
    .option('--waiting <n>', 'batches that wait beyond them; more are refused (default: 16)')
    .action((flags: ServeFlags, command: Command) =>
      act(command, async (cli) => (await import('./serve.ts')).serveCommand(cli, flags)),
    );
}

function addSubmit(program: Command, act: Act): void {
  program
    .command('submit <job> <files...>')
    .description(
      'upload files to a stack (--stack): each becomes a batch, s3://bucket/data/... is one',
    )
    .showHelpAfterError(JOB_OPTIONS)
    .option('--wait', 'follow each batch to its end; the exit code is then its own')
    .option('--chunk <items>', 'items per chunk')
    .option('--concurrency <n>', "items in flight per worker, at most the job's own")
    .option('--tolerate <n|p%>', 'failed items that are tolerated; more stop the batch')
    .option('--max-record-bytes <n>', 'a larger record is one failed item')
    .option('--option <name=value>', "an option of the job's own (repeatable)", collect, [])
    .addOption(new Option('--encoding <name>', 'of the input').choices(['utf8', 'latin1']))
    .addOption(new Option('--delimiter <char>', 'of CSV input').choices(DELIMITER_NAMES))
    .option('--now <time>', 'the time that the job sees, such as 2026-01-31T12:00:00Z')
    .action((...[job, files, flags, command]: [string, string[], SubmitFlags, Command]) =>
      act(command, async (cli) =>
        (await import('./submit.ts')).submitCommand(cli, { job, files, flags }),
      ),
    );
}

/** What may change while a batch runs: it changes no outcome. */
const addWidth = (command: Command): Command =>
  command
    .option('--concurrency <n>', 'items in flight per worker')
    .option('--workers <n>', 'workers at once')
    .addOption(
      new Option('--parallel <mode>', 'worker threads for CPU-bound jobs').choices([
        'off',
        'on',
        'auto',
      ]),
    );

const acceptCode = (): Option =>
  new Option('--accept-code-change', "go on although the job's code is another one");
const detailsOption = (): Option =>
  new Option('--details', 'with --json: every item in the report (up to 10,000)');

const collect = (value: string, before: string[]): string[] => [...before, value];

function addFirstSteps(program: Command, act: Act): void {
  program.commandsGroup('First steps:');
  program
    .command('demo')
    .description('run the odds job on a sample of 250,000 rows')
    .option('--rows <n>', 'rows of the sample')
    .option('--crash', 'kill a run half-way, resume it, and compare it with one left alone')
    .action((flags: { rows?: string; crash?: boolean }, command: Command) =>
      act(command, async (cli) => {
        const { CRASH_ROWS, DEMO_ROWS, demoCommand, rowsOf } = await import('./demo.ts');
        const { refuseStack } = await import('./with-place.ts');
        refuseStack(cli, 'demo', 'It runs on this machine; leave --stack out.');
        if (!flags.crash) return demoCommand(cli, rowsOf(flags.rows, DEMO_ROWS));
        const { demoCrashCommand } = await import('./demo-crash.ts');
        return demoCrashCommand(cli, rowsOf(flags.rows, CRASH_ROWS));
      }),
    );
  program
    .command('init [name]')
    .description('write a job file and a tiny input to start from')
    .action((name: string | undefined, _flags: object, command: Command) =>
      act(command, async (cli) => (await import('./init.ts')).initCommand(cli, name ?? 'my-job')),
    );
  program
    .command('doctor')
    .description('check what a run needs of this machine, or a stack of an AWS account')
    .option('--aws', 'credentials, region, bootstrap, and which caps fit the account')
    .action((flags: { aws?: boolean }, command: Command) =>
      act(command, async (cli) =>
        flags.aws
          ? (await import('./doctor-aws.ts')).doctorAwsCommand(cli)
          : (await import('./doctor.ts')).doctorCommand(cli),
      ),
    );
}
