import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onlyCommands, warmCli } from '../support/warm-cli.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Resolves with the batch's id once stderr names it. */
  batch(): Promise<string>;
}

/** A folder of its own, with the CLI as it was built. */
export function newPlace() {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  const start = (args: string[], env: Record<string, string> = {}): Running => {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !/^(SLUICE_|NO_COLOR|FORCE_COLOR|COLUMNS|DEBUG)/.test(name),
      ),
    );
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...clean, ...env } });
    let out = '';
    let err = '';
    const known: ((id: string) => void)[] = [];
    const named = (): string | undefined => /^Batch (\S+)\n/m.exec(err)?.[1];
    child.stdout.on('data', (text) => {
      out += String(text);
    });
    child.stderr.on('data', (text) => {
      err += String(text);
      const id = named();
      if (id !== undefined) for (const tell of known.splice(0)) tell(id);
    });
    child.stdin.on('error', () => undefined);
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, out, err }));
    });
    return {
      child,
      ended,
      batch: () =>
        new Promise((tell) => {
          const id = named();
          if (id === undefined) known.push(tell);
          else tell(id);
        }),
    };
  };
  return {
    cwd,
    start,
    async run(
      args: string[],
      { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
    ): Promise<Ended> {
      if (input === '' && onlyCommands(env)) {
        const { code, stdout: out, stderr: err } = await warmCli(args, { cwd, env });
        return { code, out, err };
      }
      const running = start(args, env);
      running.child.stdin?.end(input);
      return running.ended;
    },
    write(name: string, text: string): string {
      writeFileSync(join(cwd, name), text);
      return name;
    },
    remove: () => rmSync(cwd, { recursive: true, force: true }),
  };
}

export type Place = ReturnType<typeof newPlace>;

/** A job that takes `ms` an item, fails where `bad`, skips where `skip`, and logs each item. */
export const jobText = ({ ms = 0, limits = '{}', cpu = false, name = 'tell' } = {}): string => `
import { defineJob, ndjson, ok, PermanentError, skip } from 'sluice';
export default defineJob({
  name: '${name}',
  input: ndjson(),
  key: (row) => row.id,
  limits: ${limits},
  cpu: ${cpu},
  async process(row, ctx) {
    ${ms > 0 ? `await new Promise((go) => setTimeout(go, ${ms}));` : ''}
    ctx.log.info('saw it', { id: row.id });
    if (row.skip) return skip(row.skip);
    if (row.bad) throw new PermanentError(row.bad, { code: 'BAD_ROW' });
    return ok(row.value ?? null);
  },
});
`;

export const rows = (count: number, more: Record<number, object> = {}): string =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify({ id: `r${i}`, ...more[i] })}\n`).join(
    '',
  );

/** The id of the newest batch of a place. */
export async function newest(place: Place): Promise<string> {
  const { out } = await place.run(['list', '--json']);
  return (JSON.parse(out) as { id: string }[])[0]?.id ?? '';
}
