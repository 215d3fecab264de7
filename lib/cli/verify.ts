import { requireBatch } from '../app/place.ts';
import { homeInput, type OpenedInput, verifyStored } from '../app/verify-stored.ts';
import { visible } from '../core/format.ts';
import type { Batch } from '../engine/batch.ts';
import { EXIT } from './exit-codes.ts';
import type { Cli } from './terminal.ts';
import { type AnyPlace, inPlace } from './with-place.ts';

/** Problems are the result, not an error of the command; they make the exit code 1. */
export async function verifyCommand(cli: Cli, id: string): Promise<number> {
  return inPlace(cli, async (place) => {
    const batch = await requireBatch(place, id);
    const opened = await inputOf(place, batch);
    const { checked, problems, skipped } = await verifyStored(place, batch, opened);
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

async function inputOf(place: AnyPlace, batch: Batch): Promise<OpenedInput> {
  if (place.kind === 'home') return homeInput(place.home, batch);
  const { stackInput } = await import('../app/aws/stack-input.ts');
  return stackInput(place, batch);
}
