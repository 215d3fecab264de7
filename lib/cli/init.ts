import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { SluiceError } from '../core/errors.ts';
import { EXIT } from './exit-codes.ts';
import type { Cli } from './terminal.ts';
import { refuseStack } from './with-place.ts';

const NAME = /^[a-z][a-z0-9-]{0,39}$/;

/** Writes a job file and a tiny input into the working folder; never over a file that is there. */
export async function initCommand(cli: Cli, name: string): Promise<number> {
  refuseStack(cli, 'init', 'It writes into the working folder; leave --stack out.');
  if (!NAME.test(name)) {
    throw new SluiceError(
      'USAGE',
      `A job's name must be lower-case letters, digits and dashes, at most 40 characters; got '${name}'.`,
    );
  }
  const files = [
    { file: `${name}.job.ts`, text: jobText(name) },
    { file: `${name}.csv`, text: INPUT },
  ];
  const there = files.find(({ file }) => existsSync(file));
  if (there !== undefined) {
    throw new SluiceError('STATE', `${there.file} is there already; nothing was written.`, {
      hint: 'Give another name: sluice init other-name',
    });
  }
  for (const { file, text } of files) await writeFile(file, text, { flag: 'wx' });
  const command = cli.command(`run ./${name}.job.ts ${name}.csv`);
  if (cli.json) {
    const made = files.map(({ file }) => file);
    await cli.out(`${JSON.stringify({ made, run: command })}\n`);
  } else {
    await cli.out(`Wrote ${name}.job.ts and ${name}.csv. Run them:\n  ${command}\n`);
  }
  return EXIT.ok;
}

const INPUT = `id,amount
a-1,12.50
a-2,7
a-3,not a number
a-4,0
`;

const jobText = (
  name: string,
): string => `import { csv, defineJob, ok, PermanentError, skip } from 'sluice';

/** Doubles the amount of every row, in cents. */
export default defineJob({
  name: '${name}',
  input: csv(),
  key: (row) => String((row as Row).id),
  limits: { concurrency: 4, itemTimeout: '30s' },
  process(row) {
    const { amount } = row as Row;
    if (amount === '0') return skip('nothing to double');
    const cents = Math.round(Number(amount) * 100);
    if (Number.isNaN(cents)) {
      throw new PermanentError(\`amount '\${amount}' is no number\`, { code: 'BAD_AMOUNT' });
    }
    return ok({ doubledCents: cents * 2 });
  },
});

type Row = { id: string; amount: string };
`;
