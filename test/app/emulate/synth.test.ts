import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readAssembly } from '../../../lib/app/emulate/assembly.ts';
import { synth } from '../../../lib/app/emulate/synth.ts';

/** A CDK app of six lines: what counts is how it is called and what it leaves. */
const APP = `
import { writeFileSync } from 'node:fs';
const { CDK_OUTDIR: out, CDK_CONTEXT_JSON: context } = process.env;
if (process.argv[2] === 'fail') { console.error('a fault of the app'); process.exit(3); }
const write = (name, value) => writeFileSync(out + '/' + name, JSON.stringify(value));
write('manifest.json', { artifacts: { Mine: { type: 'aws:cloudformation:stack', properties: { templateFile: 't.json' } } } });
write('t.json', { Resources: {}, Outputs: { Context: { Value: context } } });
`;

function appFolder(app: unknown): { folder: string; outdir: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  writeFileSync(
    join(folder, 'app.mjs'),
    `import { mkdirSync } from 'node:fs';\nmkdirSync(process.env.CDK_OUTDIR, { recursive: true });\n${APP}`,
  );
  writeFileSync(join(folder, 'cdk.json'), JSON.stringify({ app, context: { a: 1, b: 2 } }));
  return { folder, outdir: join(folder, 'out') };
}

it('runs the app of cdk.json with its context and what was asked for on top', async () => {
  const { folder, outdir } = appFolder(`"${process.execPath}" app.mjs`);
  await synth({ folder, outdir, context: { b: 3, jobs: 'x,y' } });
  const { name, template } = readAssembly(outdir);
  expect(name).toBe('Mine');
  expect(JSON.parse(String(template.Outputs?.['Context']?.Value))).toEqual({
    a: 1,
    b: 3,
    jobs: 'x,y',
  });
});

it('shows what a failing app said', async () => {
  const { folder, outdir } = appFolder(`"${process.execPath}" app.mjs fail`);
  await expect(synth({ folder, outdir })).rejects.toThrow(/failed \(3\):\na fault of the app/);
});

it('says that cdk.json names no app', async () => {
  const { folder, outdir } = appFolder(undefined);
  await expect(synth({ folder, outdir })).rejects.toThrow('has no "app"');
});
