import { requireBatch } from '../app/run-batch.ts';
import { verifyStored } from '../app/verify-stored.ts';
import { visible } from '../core/format.ts';
import { EXIT } from './exit-codes.ts';
import type { Cli } from './terminal.ts';
import { inHome } from './with-home.ts';

/** Problems are the result, not an error of the command; they make the exit code 1. */
export async function verifyCommand(cli: Cli, id: string): Promise<number> {
  return inHome(cli, async (home) => {
    const batch = await requireBatch(home, id);
    const { checked, problems, skipped } = await verifyStored(home, batch);
    const whole = problems.length === 0;
    if (cli.json) {
      await cli.out(`${JSON.stringify({ batch: id, ok: whole, checked, problems, skipped })}\n`);
    } else {
      const mark = (ok: boolean, text: string): string =>
        cli.paint('out', ok ? 'green' : 'red', text);
      const lines = [
        ...checked.map((line) => `${mark(true, 'ok       ')}${line}`),
        ...skipped.map((line) => `skipped  ${visible(line)}`),
        ...problems.map((line) => `${mark(false, 'differs  ')}${visible(line)}`),
        whole
          ? `Batch ${id} is as it was written.`
          : `Batch ${id} is not as it was written: ${problems.length} differences.`,
      ];
      await cli.out(`${lines.join('\n')}\n`);
    }
    return whole ? EXIT.ok : EXIT.error;
  });
}
