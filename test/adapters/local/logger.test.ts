import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { localLogger } from '../../../lib/adapters/local/logger.ts';
import type { LogFields } from '../../../lib/ports/logger.ts';
import { startChild } from './child.ts';

const home = mkdtempSync(join(tmpdir(), 'sluice-'));
afterAll(() => rmSync(home, { recursive: true }));
const freshFolder = (): string => mkdtempSync(join(home, 'log-'));
const linesOf = (folder: string, name: string): Record<string, unknown>[] =>
  readFileSync(join(folder, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('errors go to error.log as well, lower levels only where they are asked for', async () => {
  const folder = freshFolder();
  for (const level of [undefined, 'debug', 'error'] as const) {
    const logger = localLogger({ folder, ...(level ? { level } : {}) });
    for (const write of ['debug', 'info', 'warn', 'error'] as const)
      logger[write](`${level} ${write}`);
    await logger.close();
  }
  expect(linesOf(folder, 'sluice.log').map((line) => line['msg'])).toEqual([
    ...['undefined info', 'undefined warn', 'undefined error'],
    ...['debug debug', 'debug info', 'debug warn', 'debug error'],
    'error error',
  ]);
  expect(linesOf(folder, 'error.log').map((line) => line['msg'])).toEqual([
    ...['undefined error', 'debug error', 'error error'],
  ]);
});

test('a line holds time, process, level and texts, numbers and booleans; no object gets in', async () => {
  const folder = freshFolder();
  const logger = localLogger({ folder });
  const secret = { token: 'hunter2' };
  const fields = {
    ok: 'x',
    secret,
    list: [secret],
    call: () => secret,
    nothing: null,
    level: 'mine',
    msg: 1,
  };
  logger.child(fields as unknown as LogFields).info('one %s', fields as unknown as LogFields);
  await logger.close();
  const text = readFileSync(join(folder, 'sluice.log'), 'utf8');
  expect(text).not.toContain('hunter2');
  expect(linesOf(folder, 'sluice.log')).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      pid: process.pid,
      ok: 'x',
      level_: 'mine',
      msg_: 1,
      msg: 'one %s',
    },
  ]);
});

test('files move on at their size, ten of a kind are kept, the newest lines among them', async () => {
  const folder = freshFolder();
  const logger = localLogger({ folder, maxFileBytes: 2000 });
  for (let i = 0; i < 600; i += 1) logger.error(`line ${i}`);
  await logger.close();
  const names = readdirSync(folder);
  for (const kind of ['sluice.log', 'error.log']) {
    const files = names.filter((name) => name.startsWith(kind));
    expect(files).toHaveLength(10);
    for (const file of files) expect(statSync(join(folder, file)).size).toBeLessThan(2200);
    const kept = Array.from({ length: 9 }, (_, i) => `${kind}.${9 - i}`)
      .concat([kind])
      .flatMap((file) => linesOf(folder, file).map((line) => line['msg']));
    expect(kept).toEqual(
      Array.from({ length: kept.length }, (_, i) => `line ${600 - kept.length + i}`),
    );
  }
});

test('the console has plain lines on stderr; a disk that refuses is reported once and never thrown', async () => {
  const folder = freshFolder();
  const { code, stdout, stderr } = await startChild('log', [folder]).ended;
  expect([code, stdout]).toEqual([0, '']);
  const [line, report, ...rest] = stderr.split('\n');
  expect(line).toMatch(/^\d\d:\d\d:\d\d warn something batch=b n=7$/);
  expect(report).toMatch(/^sluice: cannot write the log in .*logs \(.*\)/);
  expect(rest).toEqual(['']);
});
