import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { SluiceError } from '../../core/errors.ts';

export interface SynthOptions {
  /** Folder of the app: its cdk.json says how to run it. Default: the working folder. */
  folder?: string | undefined;
  /** Where the assembly is written; emptied before. */
  outdir: string;
  /** On top of the context in cdk.json. */
  context?: Readonly<Record<string, unknown>> | undefined;
}

interface CdkJson {
  app?: unknown;
  context?: Record<string, unknown>;
}

const STDERR_KEPT = 8_000;

/**
 * Runs the CDK app of `folder`, or this package's own where there is no cdk.json, as the CDK's command line would:
 * the output folder and the context are handed over in CDK_OUTDIR and CDK_CONTEXT_JSON. Resolves with `outdir`.
 * It always synthesises (about 1.5 s): whether an older output still holds depends on the app, its jobs, the
 * environment and every package, and a wrong guess would run yesterday's code. `startEmulator` takes an output
 * folder where somebody knows that it is fresh. Throws a SluiceError `BAD_INPUT` with what the app wrote to stderr.
 */
export async function synth({ folder = '.', outdir, context = {} }: SynthOptions): Promise<string> {
  const home = resolve(folder);
  const own = readCdkJson(join(home, 'cdk.json'));
  rmSync(outdir, { recursive: true, force: true });
  const env = {
    ...process.env,
    CDK_OUTDIR: resolve(outdir),
    CDK_CONTEXT_JSON: JSON.stringify({ ...own?.context, ...context }),
    // The CDK's own check of the template takes 4 of 5 s; what cannot be run is refused here anyway.
    CDK_VALIDATION: process.env['CDK_VALIDATION'] ?? 'false',
  };
  const command = own === undefined ? undefined : String(own.app);
  const child =
    command === undefined
      ? spawn(process.execPath, [packageApp()], { cwd: home, env, stdio: STDIO })
      : spawn(command, { cwd: home, env, stdio: STDIO, shell: true });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-STDERR_KEPT);
  });
  const code = await new Promise<number | string | null>((done) => {
    child.on('error', ({ message }) => done(message));
    child.on('close', (status, signal) => done(status ?? signal));
  });
  if (code !== 0 || !existsSync(join(outdir, 'manifest.json'))) {
    const what = command ?? 'the built-in CDK app';
    throw new SluiceError('BAD_INPUT', `${what} failed (${String(code)}):\n${said.trimEnd()}`, {
      hint: 'The app must write a cloud assembly; try: npx cdk synth',
    });
  }
  return outdir;
}

const STDIO: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe'];

function readCdkJson(file: string): CdkJson | undefined {
  if (!existsSync(file)) return undefined;
  let own: CdkJson;
  try {
    own = JSON.parse(readFileSync(file, 'utf8')) as CdkJson;
  } catch (cause) {
    throw new SluiceError('BAD_INPUT', `${file} is not JSON.`, { cause });
  }
  if (typeof own.app !== 'string' || own.app === '') {
    throw new SluiceError('BAD_INPUT', `${file} has no "app": the command that runs the CDK app.`);
  }
  return own;
}

/** dist/cdk/app.js of this package, whether this is dist/ or lib/. */
function packageApp(): string {
  const boot = createRequire(import.meta.url).resolve('#emulate-boot');
  const file = join(dirname(boot), '..', '..', 'cdk', 'app.js');
  if (!existsSync(file)) {
    throw new SluiceError('NOT_FOUND', `There is no cdk.json here, and no built CDK app ${file}.`, {
      hint: 'Build this package (npm run build), or go to the folder of a CDK app.',
    });
  }
  return file;
}
