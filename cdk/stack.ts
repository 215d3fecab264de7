import { Duration, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as FunctionTarget } from 'aws-cdk-lib/aws-events-targets';
import type { Construct } from 'constructs';
import { type Consumer, createAlarms } from './alarms.ts';
import {
  type Caps,
  checkJobs,
  SWEEPERS,
  stageCaps,
  unsafeMixes,
  VISIBILITY_FACTOR,
} from './caps.ts';
import { createDashboard } from './dashboard.ts';
import { deployedOf } from './deployed.ts';
import { builtFunctions, createFunction, type FunctionOptions } from './function.ts';
import type { Granted } from './grants.ts';
import type { BundledJob } from './jobs.ts';
import { pascalOf, stageVariable } from './names.ts';
import { createOutputs } from './outputs.ts';
import { type CheckedSettings, checkSettings, type StackSettings } from './settings.ts';
import { stableId } from './stable-id.ts';
import { createLine, type Line } from './stage-queue.ts';
import { createStorage, deliverUploads, INBOX_PREFIX, type Storage } from './storage.ts';

export interface SluiceStackProps extends StackProps, StackSettings {
  /** What `bundleJobs` gave. */
  jobs: readonly BundledJob[];
  /** Folder with the bundles of the functions; default: those of this package. */
  functions?: string;
}

/** A planning takes all the time there is, and one vCPU (1769 MB): a scan of bytes. */
const ORCHESTRATOR: Caps = {
  timeoutS: 900,
  visibilityS: 900 * VISIBILITY_FACTOR,
  reserved: 10,
  maxConcurrency: 10,
};
const ORCHESTRATOR_MB = 1769;
const SWEEPER_S = 60;
const SWEEPER_MB = 512;
const UPLOADS = `${INBOX_PREFIX}*`;
/** What manifests may name and starts nothing by itself. */
const DATA = 'data/*';
const BATCHES = 'batches/*';

/**
 * Uploads -> inbox -> orchestrator -> a queue and a worker per stage -> reports, and a sweeper each minute.
 *
 * Throws a SluiceError USAGE for settings that cannot be deployed; synth refuses unsafe mixes of caps,
 * also those made later through the constructs it exposes.
 *
 * @example
 * new SluiceStack(app, 'Import', { jobs: await bundleJobs(['./companies.ts']), keep: '90d' });
 */
export class SluiceStack extends Stack {
  readonly storage: Storage;
  readonly inbox: Line;
  readonly orchestrator: Granted;
  readonly sweeper: Granted;
  /** Workers with their queues, by `<job>/<stage>`. */
  readonly workers: ReadonlyMap<string, Consumer>;

  constructor(scope: Construct, id: string, props: SluiceStackProps) {
    const { jobs, functions = builtFunctions(), ...rest } = props;
    checkJobs(jobs);
    const settings = checkSettings(rest);
    super(scope, id, { description: 'Sluice: controlled fan-out batches', ...rest });
    const make: Maker = { stack: this, jobs, functions, settings };

    this.storage = createStorage(this, settings.keepReportDays);
    this.inbox = createLine(this, 'Inbox', {
      variable: 'SLUICE_INBOX',
      visibilityS: ORCHESTRATOR.visibilityS,
    });
    deliverUploads(this.storage.uploads, this.inbox);
    this.orchestrator = createOrchestrator(make);
    this.workers = createWorkers(make, this);
    this.sweeper = createSweeper(make);
    this.connect();

    const consumers = [
      { granted: this.orchestrator, line: this.inbox, timeoutS: ORCHESTRATOR.timeoutS },
      ...this.workers.values(),
    ];
    const watched = { stack: this.stackName, consumers, sweeper: this.sweeper };
    createAlarms(this, watched, settings.alarmTopic);
    createDashboard(this, watched);
    const stages = new Map([...this.workers].map(([name, { line }]) => [name, line]));
    createOutputs(this, { jobs, storage: this.storage, inbox: this.inbox, stages });
    this.node.addValidation({
      validate: () => unsafeMixes(consumers.map(deployedOf), settings.accountConcurrency),
    });
    if (!settings.reserve) warnUnreserved(this, jobs);
  }

  /** Who may reach what: the arrows of the picture. */
  private connect(): void {
    const { uploads, reports, records } = this.storage;
    this.orchestrator
      .mayRead(uploads, UPLOADS)
      .mayRead(uploads, DATA)
      .mayKeep(reports, BATCHES)
      .mayUpdate(records)
      .maySend(this.inbox)
      .consumes(this.inbox, ORCHESTRATOR.maxConcurrency);
    this.sweeper
      .mayRead(uploads, UPLOADS)
      .mayRead(uploads, DATA)
      .mayWrite(reports, BATCHES)
      .mayUpdate(records)
      .maySend(this.inbox);
    // Whoever settles plans later stages by the parts of those before them.
    if ([...this.workers.keys()].some((name) => !name.endsWith('/0'))) {
      this.sweeper.mayRead(reports, BATCHES);
    }
    for (const [name, { granted, line }] of this.workers) {
      this.orchestrator.maySend(line);
      this.sweeper.maySend(line);
      granted
        .mayRead(uploads, UPLOADS)
        .mayRead(uploads, DATA)
        .mayKeep(reports, BATCHES)
        .mayUpdate(records)
        .maySend(this.inbox);
      // A commit in one stage may release in any other one of its job.
      const job = name.slice(0, name.lastIndexOf('/'));
      for (const [other, { line: queue }] of this.workers) {
        if (other.slice(0, other.lastIndexOf('/')) === job) granted.maySend(queue);
      }
    }
  }
}

interface Maker {
  stack: Stack;
  jobs: readonly BundledJob[];
  functions: string;
  settings: CheckedSettings;
}

const common = (make: Maker): Pick<FunctionOptions, 'functions' | 'jobs' | 'environment'> => ({
  functions: make.functions,
  jobs: make.jobs,
  environment: {
    ...(make.settings.keepDays === undefined
      ? {}
      : { SLUICE_KEEP_DAYS: String(make.settings.keepDays) }),
    // Told so that each report says by what its cap was held.
    ...(make.settings.reserve ? {} : { SLUICE_UNRESERVED: '1' }),
  },
});

const createOrchestrator = (make: Maker): Granted =>
  createFunction(make.stack, 'Orchestrator', {
    ...common(make),
    kind: 'orchestrator',
    description: 'Starts, plans, settles and finalises batches',
    memoryMb: ORCHESTRATOR_MB,
    timeoutS: ORCHESTRATOR.timeoutS,
    reserved: make.settings.reserve ? ORCHESTRATOR.reserved : undefined,
  });

function createWorkers(make: Maker, scope: Construct): Map<string, Consumer> {
  const { jobs, settings } = make;
  const { environment, functions } = common(make);
  const workers = new Map<string, Consumer>();
  for (const job of jobs) {
    for (const [stage, limits] of job.stages.entries()) {
      const name = `${pascalOf(job.name)}${stage}`;
      const caps = stageCaps(limits, { ...settings, job: job.name });
      const line = createLine(scope, `Stage${name}`, {
        variable: stageVariable(job.name, stage),
        visibilityS: caps.visibilityS,
      });
      const granted = createFunction(scope, `Worker${name}`, {
        kind: 'worker',
        functions,
        jobs: [job],
        description: `Works chunks of job ${job.name}, stage ${stage}`,
        memoryMb: limits.memoryMb,
        timeoutS: caps.timeoutS,
        reserved: caps.reserved,
        environment: { ...environment, SLUICE_BUDGET_MS: String(settings.budgetMs) },
      });
      granted.consumes(line, caps.maxConcurrency).mayOpen(settings.secrets);
      workers.set(`${job.name}/${stage}`, { granted, line, timeoutS: caps.timeoutS });
    }
  }
  return workers;
}

function createSweeper(make: Maker): Granted {
  const shared = common(make);
  const days = make.settings.purgeResolvedDays;
  const sweeper = createFunction(make.stack, 'Sweeper', {
    ...shared,
    environment: {
      ...shared.environment,
      ...(days === undefined ? {} : { SLUICE_PURGE_RESOLVED_DAYS: String(days) }),
    },
    kind: 'sweeper',
    description: 'Sends anew what was lost; each minute',
    memoryMb: SWEEPER_MB,
    timeoutS: SWEEPER_S,
    reserved: make.settings.reserve ? SWEEPERS : undefined,
  });
  const schedule = new Rule(make.stack, 'SweeperSchedule', {
    description: 'Wakes the sweeper',
    schedule: Schedule.rate(Duration.minutes(1)),
    // A sweep that could not start is the next one's work.
    targets: [
      new FunctionTarget(sweeper.fn, { retryAttempts: 0, maxEventAge: Duration.minutes(1) }),
    ],
  });
  stableId(schedule, 'SweeperSchedule');
  Validations.of(schedule).acknowledge({
    id: 'Serverless-EventBusDLQ',
    reason: 'A lost wake-up needs no copy: the next comes a minute later and sweeps from state.',
  });
  return sweeper;
}

/** Without reserved concurrency an event source cannot hold a cap of 1: its least is 2. */
function warnUnreserved(stack: Stack, jobs: readonly BundledJob[]): void {
  const ones = jobs.filter(({ stages }) => stages.some(({ workers }) => workers === 1));
  if (ones.length === 0) return;
  const names = ones.map(({ name }) => name).join(', ');
  Validations.of(stack).addWarning(
    'sluice-cap-of-one',
    `reserve=false: the cap of 1 of ${names} is held by the batch's window alone, so two batches at once work two chunks at once.`,
  );
}
