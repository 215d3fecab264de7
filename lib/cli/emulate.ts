import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { parseChaos } from '../app/emulate/chaos.ts';
import { type Emulator, startEmulator } from '../app/emulate/emulator.ts';
import type { Invocation } from '../app/emulate/function-pool.ts';
import { invokeStanding } from '../app/emulate/invoke-standing.ts';
import { checkSpeed } from '../app/emulate/limits.ts';
import { announceStanding, readStanding } from '../app/emulate/standing.ts';
import { synth } from '../app/emulate/synth.ts';
import { SluiceError } from '../core/errors.ts';
import { formatDuration } from '../core/format.ts';
import { checkOption } from '../core/options.ts';
import { EXIT } from './exit-codes.ts';
import { type Cli, shortPath, word } from './terminal.ts';

/** What all three commands take. */
export interface EmulateFlags {
  speed?: string;
  chaos?: string;
  jobs?: string;
  port?: string;
  accountConcurrency?: string;
  cdkOut?: string;
  stats?: boolean;
}

/** A number that only these commands take. */
const WHOLE = { min: 0, default: 0, unit: 'a number', why: 'no other means anything here' };

/** Starts the emulator as the flags say, telling what it does; the caller closes it. */
export async function startFromFlags(cli: Cli, flags: EmulateFlags): Promise<Emulator> {
  const home = resolve(cli.home);
  const number = (name: string, text: string | undefined, max: number): number | undefined =>
    text === undefined ? undefined : checkOption({ ...WHOLE, name, max }, text);
  const options = {
    speed: flags.speed === undefined ? 1 : checkSpeed(Number(flags.speed)),
    chaos: parseChaos(flags.chaos ?? ''),
    port: number('--port', flags.port, 65_535),
    accountConcurrency: number('--account-concurrency', flags.accountConcurrency, 100_000),
  };
  mkdirSync(home, { recursive: true });
  const began = performance.now();
  const assembly = flags.cdkOut ?? (await synthesise(cli, home, flags));
  const emulator = await startEmulator({
    ...options,
    assembly,
    logFolder: join(home, 'emulate-logs'),
    onFault: ({ message }: { message?: string }) => cli.say(`The emulator: ${message}`),
  } as Parameters<typeof startEmulator>[0]);
  const took = formatDuration(performance.now() - began);
  cli.say(`Stack ${emulator.stack} runs at ${emulator.endpoint} (ready in ${took}).`);
  if (options.speed > 1) {
    cli.say(
      `Speed ${options.speed}: function time-outs, visibility, queue delays, batching windows and schedules are divided by it.`,
    );
  }
  if (flags.chaos !== undefined) cli.say(`Chaos, seed ${options.chaos.seed}: ${flags.chaos}`);
  return emulator;
}

async function synthesise(cli: Cli, home: string, { jobs }: EmulateFlags): Promise<string> {
  cli.say('Synthesising the CDK app ...');
  const context = jobs === undefined ? {} : { jobs };
  return synth({ outdir: join(home, 'emulate-cdk.out'), context });
}

/** `sluice emulate`: a stack that stays up until Ctrl-C. */
export async function emulateCommand(cli: Cli, flags: EmulateFlags): Promise<number> {
  const home = resolve(cli.home);
  const other = readStanding(home);
  if (other !== undefined) {
    throw new SluiceError(
      'STATE',
      `An emulator (process ${other.pid}) stands in ${shortPath(home)} already, at ${other.endpoint}.`,
      { hint: 'End it with Ctrl-C, or give this one a home of its own: --home <folder>.' },
    );
  }
  const interrupted = nextInterrupt();
  const emulator = await startFromFlags(cli, flags);
  const forget = announceStanding(home, emulator);
  try {
    const { outputs, env, endpoint, stack, speed } = emulator;
    if (cli.json) {
      await cli.out(`${JSON.stringify({ stack, endpoint, speed, outputs, env })}\n`);
    } else await cli.out(`${standingLines(cli, emulator).join('\n')}\n`);
    await interrupted;
  } finally {
    forget();
    await emulator.close();
  }
  if (flags.stats) await cli.out(`${JSON.stringify(emulator.stats(), undefined, 2)}\n`);
  return EXIT.ok;
}

function standingLines(cli: Cli, { specs, env, outputs, ignored }: Emulator): string[] {
  const functions = specs.functions.map(({ logicalId, memoryMb, timeoutMs, reserved }) => {
    const cap = reserved === undefined ? '' : `, at most ${reserved} at once`;
    return `  ${logicalId}  ${memoryMb} MB, ${formatDuration(timeoutMs)}${cap}`;
  });
  const upload = outputs['UploadCommand'];
  return [
    'Functions:',
    ...functions,
    `  their output: ${word(shortPath(join(resolve(cli.home), 'emulate-logs')))}`,
    `${ignored.length} resources need nothing here (rights, alarms, dashboards, log groups).`,
    '',
    'For other programs, such as the AWS command line:',
    ...Object.entries(env).map(([name, value]) => `  export ${name}=${value}`),
    ...(upload === undefined ? [] : ['', `Upload: ${upload}`]),
    '',
    'Ctrl-C ends it; what it holds is gone then.',
  ];
}

/** Resolves at the first signal to end; a second one ends the process at once. */
export function nextInterrupt(): Promise<void> {
  return new Promise((done) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(name, () => {
        process.once(name, () => process.exit(EXIT.interrupted));
        done();
      });
    }
  });
}

export interface InvokeRequest {
  name: string;
  /** JSON; `-` is standard input. */
  file: string;
  flags: EmulateFlags;
}

/** `sluice emulate invoke`: one event, in the emulator that stands in this home, or in one of its own. */
export async function emulateInvokeCommand(
  cli: Cli,
  { name, file, flags }: InvokeRequest,
): Promise<number> {
  const event = await readEvent(file);
  const standing = readStanding(resolve(cli.home));
  if (standing !== undefined) {
    return showInvocation(cli, name, await invokeStanding(standing, name, event));
  }
  const emulator = await startFromFlags(cli, flags);
  try {
    return await showInvocation(cli, name, await emulator.invoke(name, event));
  } finally {
    await emulator.close();
  }
}

async function readEvent(file: string): Promise<unknown> {
  const text =
    file === '-'
      ? await textOf(process.stdin)
      : await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
          throw new SluiceError('NOT_FOUND', `The event ${file} cannot be read: ${cause.code}.`, {
            cause,
          });
        });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SluiceError('USAGE', `The event ${file} is not JSON.`, { cause });
  }
}

async function showInvocation(cli: Cli, name: string, result: Invocation): Promise<number> {
  if (result.did === 'answered') {
    await cli.out(`${result.answer}\n`);
    return EXIT.ok;
  }
  cli.say(
    result.did === 'throttled'
      ? `${name} was throttled: all of its concurrency is in use.`
      : `${name} failed: ${result.type}: ${result.message}`,
  );
  return EXIT.error;
}
