import { EXIT } from './exit-codes.ts';
import { tableLines } from './table.ts';
import type { Cli } from './terminal.ts';

/** One thing that `doctor` looked at. */
export interface Check {
  name: string;
  status: 'ok' | 'warn' | 'fail';
  /** What was found, and what to do next where that is not nothing. */
  detail: string;
}

const TONES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** A line each; exit 1 when something is unusable. */
export async function showChecks(cli: Cli, checks: readonly Check[]): Promise<number> {
  const usable = checks.every(({ status }) => status !== 'fail');
  if (cli.json) await cli.out(`${JSON.stringify({ ok: usable, checks })}\n`);
  else {
    const rows = checks.map(({ name, status, detail }) => [status, name, detail]);
    const columns = [{ title: '', width: 4 }, { title: '' }, { title: '' }];
    const [, ...lines] = tableLines(columns, rows, Number.MAX_SAFE_INTEGER);
    const painted = lines.map((line, at) => {
      const { status } = checks[at] as Check;
      return `${cli.paint('out', TONES[status], line.slice(0, 4))}${line.slice(4)}`;
    });
    await cli.out(`${painted.join('\n')}\n`);
  }
  return usable ? EXIT.ok : EXIT.error;
}
