import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { CLI, type CliAnswer, type CliOptions, startCli } from './cli.ts';

const HOST = fileURLToPath(new URL('cli-host.mjs', import.meta.url));

/** Processes that wait for their next command; they end with this one. */
const idle: ChildProcess[] = [];

/**
 * A command of the built command line in a process that ran others before it (a third of the CPU of a fresh one,
 * and there are hundreds). A process that its command ends is told of as a fresh one's end is. Input and any
 * other variable than those of Sluice and its jobs get a fresh process.
 */
export async function warmCli(args: string[], options: CliOptions = {}): Promise<CliAnswer> {
  const env = options.env ?? {};
  if (options.stdin !== undefined || !onlyCommands(env)) return startCli(args, options).done;
  const host = idle.pop() ?? start();
  const mark = `\0${randomUUID()}\0`;
  const [stdout, stderr] = [host.stdout, host.stderr].map((stream) => textUntil(stream, mark));
  const answer = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    const listen = (message: { code?: number }): void => {
      if (message.code === undefined) return;
      host.off('message', listen);
      host.off('close', onClose);
      resolve({ code: message.code, signal: null });
    };
    const onClose = (code: number | null, signal: NodeJS.Signals | null): void =>
      resolve({ code, signal });
    host.on('message', listen);
    host.on('close', onClose);
  });
  host.send({
    args,
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, NO_COLOR: '1', ...env },
    main: CLI,
    mark,
  });
  const end = await answer;
  const texts = { stdout: (await stdout) as string, stderr: (await stderr) as string };
  if (host.connected && host.exitCode === null) idle.push(host);
  return { ...end, ...texts };
}

/** Variables of Sluice and of its jobs. Colours and the like are looked at when modules load. */
export const onlyCommands = (env: Record<string, string>): boolean =>
  Object.keys(env).every((name) => /^(SLUICE|INSEE)_/.test(name));

function start(): ChildProcess {
  const host = fork(HOST, [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] });
  host.unref();
  host.channel?.unref();
  for (const stream of [host.stdout, host.stderr]) (stream as unknown as { unref(): void }).unref();
  return host;
}

/** What a stream gives until the mark, or its end. */
function textUntil(stream: NodeJS.ReadableStream | null, mark: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => {
      stream?.off('data', take);
      stream?.off('close', done);
      resolve(text.split(mark)[0] as string);
    };
    const take = (piece: Buffer): void => {
      text += piece;
      if (text.includes(mark)) done();
    };
    stream?.on('data', take);
    stream?.on('close', done);
  });
}
