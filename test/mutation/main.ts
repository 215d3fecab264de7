/**
 * Mutation testing of `lib/core` and `lib/engine`: `npm run mutation [-- --files lib/core/release.ts,...]`. Stryker is
 * installed on demand outside the checkout (167 packages), and mutates a copy.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';
import { installed } from '../bench/peers.ts';
import { readOptions, usage } from './options.ts';
import { type MutationReport, scoreTable } from './score-table.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOME = join(tmpdir(), 'sluice-mutation');
const COPY = join(HOME, 'copy');
const PACKAGES = join(HOME, 'node_modules/@stryker-mutator');
const STRYKER = ['@stryker-mutator/core@9.6.1', '@stryker-mutator/vitest-runner@9.6.1'];
/** All that the tests of core, engine and the simulated worlds read. */
const COPIED = ['lib', 'test', 'package.json'];

const values = readOptions(process.argv.slice(2));

async function prepare(): Promise<void> {
  if (!(await installed(HOME, STRYKER))) {
    throw new Error(`Stryker cannot be installed in ${HOME}: does the registry answer?`);
  }
  // One Vitest for both: the plugin imports it from where it lies itself.
  const vitest = join(HOME, 'node_modules/vitest');
  rmSync(vitest, { force: true });
  symlinkSync(join(ROOT, 'node_modules/vitest'), vitest);
  rmSync(COPY, { recursive: true, force: true });
  mkdirSync(COPY, { recursive: true });
  for (const name of COPIED) cpSync(join(ROOT, name), join(COPY, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(COPY, 'node_modules'));
}

/** One file at a time, if not `--together`: a run that is broken off keeps what the files before have told. */
async function mutate(files: string[]): Promise<MutationReport | undefined> {
  const all = files.length === 1 ? (files[0] as string).replaceAll('/', '-') : 'together';
  const part = values.sample === '100' ? all : `${all}-${values.sample}-${values.seed}`;
  const name = values.tests === undefined ? part : `${part}-chosen-tests`;
  const report = join(HOME, `${name}.json`);
  rmSync(report, { force: true });
  const config = {
    testRunner: 'vitest',
    plugins: [
      join(PACKAGES, 'vitest-runner/dist/src/index.js'),
      fileURLToPath(new URL('sample.mjs', import.meta.url)),
    ],
    vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
    mutate: files,
    concurrency: Number(values.concurrency),
    incremental: values.tests === undefined,
    incrementalFile: join(HOME, `${name}.incremental.json`),
    force: values.again,
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: report },
    timeoutMS: Number(values.patience),
    timeoutFactor: 1,
    allowEmpty: true,
    cleanTempDir: 'always',
  };
  writeFileSync(join(COPY, 'stryker.config.json'), JSON.stringify(config));
  const stryker = spawn(process.execPath, [join(PACKAGES, 'core/bin/stryker.js'), 'run'], {
    cwd: COPY,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      SLUICE_MUTATION_SAMPLE: values.sample,
      SLUICE_MUTATION_SEED: values.seed,
      ...(values.tests === undefined ? {} : { SLUICE_MUTATION_TESTS: values.tests }),
      SLUICE_MUTATION_MUTATORS: join(PACKAGES, 'instrumenter/dist/src/mutators/mutate.js'),
    },
  });
  await once(stryker, 'exit');
  return existsSync(report)
    ? (JSON.parse(readFileSync(report, 'utf8')) as MutationReport)
    : undefined;
}

async function main(): Promise<void> {
  const until = Date.now() + 60_000 * Number(values.minutes);
  await prepare();
  const files = globSync(values.files.split(','), { cwd: ROOT }).sort();
  const reports: MutationReport[] = [];
  for (const group of values.together ? [files] : files.map((file) => [file])) {
    if (Date.now() > until) {
      console.log(`Time is up before ${group[0]}.`);
      break;
    }
    const report = await mutate(group);
    if (report === undefined) process.exitCode = 1;
    else reports.push(report);
  }
  console.log(scoreTable(reports));
}

if (values.help) console.log(usage());
else await main();
