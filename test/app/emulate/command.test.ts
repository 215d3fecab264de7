import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Standing } from '../../../lib/app/emulate/standing.ts';
import { startCli } from '../../support/cli.ts';
import { lambda, ROLE, until, writeAssembly } from './tiny-stack.ts';

const started: ReturnType<typeof startCli>[] = [];
const newHome = (): string => mkdtempSync(join(tmpdir(), 'sluice-test-'));

function run(home: string, args: string[]): ReturnType<typeof startCli> {
  const running = startCli(['--home', home, 'emulate', ...args]);
  started.push(running);
  return running;
}

afterEach(async () => {
  for (const { child, done } of started.splice(0)) {
    child.kill('SIGKILL');
    await done;
  }
});

const assembly = writeAssembly({
  Resources: { ...ROLE, Behave: lambda('behave', { Timeout: 60 }) },
  Outputs: { UploadCommand: { Value: 'aws s3 cp <file> s3://b/inbox/odds/' } },
});

/** A standing emulator, as its home says once it is up. */
async function stand(home: string): Promise<Standing & ReturnType<typeof startCli>> {
  const running = run(home, ['--cdk-out', assembly]);
  const file = join(home, 'emulate.json');
  await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('}\n'));
  return { ...running, ...(JSON.parse(readFileSync(file, 'utf8')) as Standing) };
}

function eventFile(home: string, event: object): string {
  const file = join(home, 'event.json');
  writeFileSync(file, JSON.stringify(event));
  return file;
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('sluice emulate', () => {
  it('stays up, is found by its home, and ends on Ctrl-C with all it started', async () => {
    const home = newHome();
    const standing = await stand(home);
    expect(standing).toMatchObject({ stack: 'Tiny', pid: standing.child.pid, speed: 1 });
    expect(standing.env['AWS_ENDPOINT_URL_S3']).toBe(standing.endpoint);

    const event = eventFile(home, { do: 'echo', value: 'x' });
    const { code, stdout } = await run(home, ['invoke', 'behave', event]).done;
    expect(code).toBe(0);
    const { pid, value } = JSON.parse(stdout) as { pid: number; value: string };
    expect(value).toBe('x');
    expect(readFileSync(join(home, 'emulate-logs', 'Behave.log'), 'utf8')).toContain(
      `loaded ${pid}`,
    );

    const second = await run(home, ['--cdk-out', assembly]).done;
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`An emulator (process ${standing.pid}) stands in `);

    standing.child.kill('SIGINT');
    const ended = await standing.done;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain('Upload: aws s3 cp <file> s3://b/inbox/odds/');
    expect(ended.stdout).toContain(`export AWS_ENDPOINT_URL_S3=${standing.endpoint}`);
    expect(existsSync(join(home, 'emulate.json'))).toBe(false);
    expect(isRunning(pid)).toBe(false);
  });

  it.skipIf(process.platform === 'win32')(
    'leaves no process behind after kill -9, not even one in an endless loop',
    async () => {
      const home = newHome();
      const standing = await stand(home);
      const looping = run(home, ['invoke', 'Behave', eventFile(home, { do: 'loop' })]);
      const children = (): number[] =>
        execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(standing.pid)], {
          encoding: 'utf8',
        })
          .split('\n')
          .filter((line) => line.includes('boot.js'))
          .map((line) => Number.parseInt(line, 10));
      await until(() => existsSync(join(home, 'emulate-logs', 'Behave.log')));
      await until(() => children().length === 1);
      await until(() =>
        readFileSync(join(home, 'emulate-logs', 'Behave.log'), 'utf8').includes('START'),
      );
      const [pid = 0] = children();
      standing.child.kill('SIGKILL');
      await until(() => !isRunning(pid));
      expect((await looping.done).code).toBe(1);
      // The note it left names a process that is gone: another one may stand here.
      await stand(home);
    },
  );
});

describe('sluice emulate invoke', () => {
  it('starts an emulator of its own where none stands, and says what failed', async () => {
    const home = newHome();
    const event = eventFile(home, { do: 'throw', value: 'no such thing' });
    const { code, stderr, stdout } = await run(home, [
      '--cdk-out',
      assembly,
      'invoke',
      'Behave',
      event,
    ]).done;
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('Behave failed: TypeError: no such thing');
  });

  it.each([
    [['--speed', '0'], '--speed must be from 1 to 1000'],
    [['--chaos', 'x=1'], "--chaos has no 'x'"],
    [['--port', '70000'], '--port must be a whole number from 0 to 65535'],
  ])('%j is bad usage', async (flags, message) => {
    const home = newHome();
    const event = eventFile(home, {});
    const answer = await run(home, [...flags, 'invoke', 'Behave', event]).done;
    expect(answer.stderr).toContain(message);
    expect(answer.code).toBe(64);
  });
});
