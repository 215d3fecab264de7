import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { FUNCTIONS, functionBuild, httpBuild } from '../../build.mjs';

/** What would make a bundle large, slow to load, or unable to run on Lambda. */
const FORBIDDEN = [
  'libsql',
  'piscina',
  'pino',
  'commander',
  'log-update',
  'aws-cdk-lib',
  'esbuild',
  'cheerio',
  'tinyglobby',
  '@aws-sdk/nested-clients',
  '@aws-sdk/credential-provider-node',
  'rotating-file-stream',
  'fauxqs',
  'dynalite',
  '@aws-sdk/client-cloudformation',
  '@aws-sdk/client-lambda',
];
/** 641,694 bytes measured for the worker, 22 KB of it picomatch and what lists prefixes: without the SDK's chain of credentials, which alone is 112 KB. */
const MAX_BYTES: Record<string, number> = {
  worker: 660_000,
  sweeper: 665_000,
  // It also writes the report: page, styles and charts.
  orchestrator: 715_000,
};

const metafiles = new Map<string, Metafile>();
beforeAll(async () => {
  for (const name of FUNCTIONS) {
    const { metafile } = await build({ ...functionBuild(name), write: false, metafile: true });
    metafiles.set(name, metafile as Metafile);
  }
});

describe.each(FUNCTIONS)('the bundle of the %s', (name) => {
  const output = () => Object.values((metafiles.get(name) as Metafile).outputs)[0];

  test('is one file below its bound', () => {
    const { outputs } = metafiles.get(name) as Metafile;
    expect(Object.keys(outputs)).toHaveLength(1);
    expect(output()?.bytes).toBeLessThan(MAX_BYTES[name] as number);
  });

  test('holds nothing that belongs to another place', () => {
    const inputs = Object.keys(output()?.inputs ?? {});
    for (const forbidden of FORBIDDEN) {
      expect(inputs.filter((file) => file.includes(`node_modules/${forbidden}/`))).toEqual([]);
    }
    const own = inputs.filter((file) => !file.startsWith('node_modules/'));
    expect(
      own.filter((file) => /^lib\/(cli|jobs|app\/emulate|adapters\/memory)\//.test(file)),
    ).toEqual([]);
    // The clock is the machine's own; nothing else of the local adapters comes along.
    expect(own.filter((file) => file.startsWith('lib/adapters/local/'))).toEqual([
      'lib/adapters/local/clock.ts',
    ]);
  });

  test('needs nothing but Node', () => {
    const outside = (output()?.imports ?? []).filter(({ external }) => external);
    for (const { path } of outside) expect(path).toMatch(/^(node:)?[a-z_/]+$/);
  });
});

test('the HTTP client is a file of its own: a worker and it stay below 1 MB, and it holds nothing but ipaddr.js and what a call needs of undici', async () => {
  const { metafile } = await build({ ...httpBuild(), write: false, metafile: true });
  const [client] = Object.values((metafile as Metafile).outputs);
  const [worker] = Object.values((metafiles.get('worker') as Metafile).outputs);
  expect((client?.bytes ?? 0) + (worker?.bytes ?? 0)).toBeLessThan(1_000_000);
  const packages = Object.keys(client?.inputs ?? {}).flatMap(
    (file) => /^node_modules\/([^/]+)/.exec(file)?.[1] ?? [],
  );
  expect([...new Set(packages)].sort()).toEqual(['ipaddr.js', 'undici']);
  expect(client?.inputs).not.toHaveProperty(['node_modules/undici/index.js']);
  const inWorker = Object.keys(worker?.inputs ?? {});
  expect(inWorker.filter((file) => /node_modules\/(undici|ipaddr)/.test(file))).toEqual([]);
});
