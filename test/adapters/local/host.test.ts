import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as pass } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { localHost } from '../../../lib/adapters/local/host.ts';

const host = localHost();
const place = host.newOwner().split('/')[0];
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

const onLinux = describe.skipIf(process.platform !== 'linux');
/** Field 22, taken from behind: 52 fields on every kernel since 3.5. */
const startTicks = (pid: number): string | undefined =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .trim()
    .split(' ')
    .at(22 - 1 - 52);
/** The third field; the second, the command's name, has no blank in it where this is asked. */
const stateOf = (pid: number): string | undefined =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2];
const ownerOf = (pid: number): string => `${place}/${pid}/${startTicks(pid)}/1`;

async function start(command: string, args: string[]): Promise<number> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await once(child, 'spawn');
  return child.pid ?? 0;
}

test('owners are all different, name this process and are not dead', () => {
  const owners = [host, localHost()].flatMap((one) => [one.newOwner(), one.newOwner()]);
  expect(new Set(owners).size).toBe(4);
  for (const owner of owners) {
    expect(owner.startsWith(hostname())).toBe(true);
    expect(owner.split('/')).toHaveLength(4);
    expect(owner.split('/')[1]).toBe(String(process.pid));
    expect(host.isDead(owner)).toBe(false);
  }
});

test('is named after host and process, or as told', () => {
  expect(host.id).toBe(`${hostname()}/${process.pid}`);
  expect(localHost({ id: 'x' }).id).toBe('x');
});

test('what cannot be known is not dead', () => {
  const [, pid, started] = host.newOwner().split('/');
  const unknown = [
    '',
    'x',
    '/',
    '///',
    'elsewhere/1/1/1',
    `elsewhere/${pid}/${started}/1`,
    'me/2/3',
  ];
  const broken = [`${place}/x/1/1`, `${place}/-1/1/1`, `${place}/0/1/1`, `${place}/1.5/1/1`];
  const noStart = [`${place}/${pid}//1`, `${place}/999999999/unknown/1`, `${place}/1/1/1/1`];
  for (const owner of [...unknown, ...broken, ...noStart]) {
    expect([owner, host.isDead(owner)]).toEqual([owner, false]);
  }
});

test('another start time under the same process id is a dead process', () => {
  expect(host.isDead(`${place}/${process.pid}/1/7`)).toBe(true);
});

onLinux('processes of Linux', () => {
  test('alive, then killed: dead, and dead it stays', async () => {
    const pid = await start('sleep', ['60']);
    const owner = ownerOf(pid);
    expect(host.isDead(owner)).toBe(false);
    const child = children.at(-1);
    child?.kill('SIGKILL');
    if (child) await once(child, 'exit');
    expect(host.isDead(owner)).toBe(true);
    expect(host.isDead(owner)).toBe(true);
    expect(host.isDead(owner.replace(/1$/, '2'))).toBe(true);
  });

  test('stopped: alive', async () => {
    const pid = await start('sleep', ['60']);
    process.kill(pid, 'SIGSTOP');
    await pass(50);
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') T ');
    expect(host.isDead(ownerOf(pid))).toBe(false);
  });

  test('a zombie: dead', async () => {
    // The shell becomes a sleep, which never asks for the end of the child it inherits. The child
    // outlives that change: one that ends before it is waited for by some shells.
    await start('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60']);
    const [line] = (await once(children.at(-1)?.stdout ?? process.stdin, 'data')) as [Buffer];
    const zombie = Number(String(line));
    for (let look = 0; look < 100 && stateOf(zombie) !== 'Z'; look += 1) await pass(50);
    expect(readFileSync(`/proc/${zombie}/stat`, 'utf8')).toContain(') Z ');
    expect(host.isDead(ownerOf(zombie))).toBe(true);
  });

  test('a command named to look like other fields: still alive', async () => {
    const script = "process.title = 'a) Z 1 (b'; console.log('named'); setTimeout(() => {}, 60000)";
    const pid = await start(process.execPath, ['-e', script]);
    await once(children.at(-1)?.stdout ?? process.stdin, 'data');
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain('(a) Z 1 (b)');
    expect(host.isDead(ownerOf(pid))).toBe(false);
  });
});

test('usage is of this process, random numbers lie in [0, 1) and differ', () => {
  const { cpuMs, rssBytes } = host.usage();
  expect(cpuMs).toBeGreaterThan(1);
  expect(rssBytes).toBeGreaterThan(10_000_000);
  const numbers = Array.from({ length: 200 }, host.random);
  for (const number of numbers) expect(number >= 0 && number < 1).toBe(true);
  expect(new Set(numbers).size).toBeGreaterThan(190);
});
