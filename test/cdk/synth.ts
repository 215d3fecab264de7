import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, type AppProps } from 'aws-cdk-lib';
import { SluiceStack, type SluiceStackProps } from '../../cdk/stack.ts';
import { newFolder, type Template } from './folders.ts';

/** A stack in an app of its own, not yet synthesised. */
export function newStack(props: SluiceStackProps, context: AppProps['context'] = {}) {
  const outdir = newFolder();
  // The CDK's own check of templates (4 s) runs in app.test.ts.
  const app = new App({
    outdir,
    context: { ...context },
    autoSynth: false,
    builtinCloudFormationValidation: false,
  });
  const stack = new SluiceStack(app, 'Sluice', { analyticsReporting: false, ...props });
  return {
    app,
    stack,
    outdir,
    synth(): Template {
      app.synth();
      return JSON.parse(readFileSync(join(outdir, 'Sluice.template.json'), 'utf8')) as Template;
    },
  };
}
