import { App } from 'aws-cdk-lib';
import { SluiceError } from '../lib/core/errors.ts';
import { readContext } from './context.ts';
import { bundleJobs } from './jobs.ts';
import { SluiceStack } from './stack.ts';

/** Makes the stack that the context describes; nothing here needs an account or a network. */
async function synth(): Promise<void> {
  const app = new App({ outdir: process.env['CDK_OUTDIR'] ?? 'cdk.out', autoSynth: false });
  const { stack, jobs, ...settings } = readContext(app.node.getAllContext());
  new SluiceStack(app, stack, {
    ...settings,
    jobs: await bundleJobs(jobs),
    // The CLI would add a resource that the emulator's template does not have.
    analyticsReporting: false,
  });
  app.synth();
}

try {
  await synth();
} catch (error) {
  process.stderr.write(`${said(error)}\n`);
  process.exitCode = 1;
}

/** A refusal, ours or the CDK's, is its message; anything else is a defect, and shows where it is. */
function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof SluiceError) {
    return error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
  }
  return error.name.includes('Validation') ? error.message : (error.stack ?? error.message);
}
