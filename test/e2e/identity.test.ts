import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/core/outcome.ts';
import { brief, newWorld, parseLines, type World } from '../support/world.ts';

const ROWS = 130;
const NOW = '2026-01-01T00:00:00Z';

/** Every kind of outcome; waits of odd lengths, so that items end in another order than they began. */
const job = (format: 'csv' | 'ndjson', { cpu = false } = {}): string => `
import * as z from 'zod';
import { ${format}, defineJob, ok, PermanentError, RetryableError, skip, StalledError } from 'sluice';
const row = z.object({ id: z.string(), n: z.coerce.number().int(), text: z.string() });
export default defineJob({
  name: 'same',
  cpu: ${cpu},
  input: ${format}(row),
  key: (row) => row.id,
  retry: { tries: 3, base: '1ms', max: '2ms' },
  async process(row, ctx) {
    const draw = ctx.rng();
    if (${!cpu} && row.n % 3 === 0) await new Promise((go) => setTimeout(go, row.n % 4));
    if (row.n % 41 === 7) throw new PermanentError('no ' + row.text, { code: 'NO' });
    if (row.n % 43 === 8) throw new StalledError('gone');
    if (row.n % 47 === 9 && ctx.attempt < 3) throw new RetryableError('soon');
    if (row.n % 53 === 10) throw new RetryableError('never');
    if (row.n % 37 === 11) return skip('odd one');
    return ok({ text: row.text, draw, again: ctx.rng(), now: ctx.now, index: ctx.index });
  },
});
`;

/** Quotes and line ends in quotes, every 29th row a bad number, every 61st a broken line. */
const texts = Array.from({ length: ROWS }, (_, i) =>
  i % 4 === 0 ? `line ${i}\nnext, "quoted" é` : `plain ${i}`,
);
const number = (i: number): string => (i % 29 === 3 ? `x${i}` : String(i));

const csvText = `id,n,text\n${texts
  .map((text, i) => {
    if (i % 61 === 5) return `k${i},${i},"bro"ken\n`;
    const cell = /[\n"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    return `k${i},${number(i)},${cell}\n`;
  })
  .join('')}`;
const ndjsonText = texts
  .map((text, i) =>
    i % 61 === 5 ? `{"id":"k${i}",\n` : `${JSON.stringify({ id: `k${i}`, n: number(i), text })}\n`,
  )
  .join('');

async function outcomesWith(
  files: Record<string, string | Uint8Array>,
  {
    flags = [],
    input = Object.keys(files).find((name) => name !== 'job.ts') as string,
    stdin,
  }: {
    flags?: string[];
    input?: string;
    stdin?: Uint8Array | string;
  } = {},
): Promise<{ world: World; outcomes: string }> {
  const world = newWorld();
  for (const [name, content] of Object.entries(files)) world.write(name, content);
  const run = ['run', 'job.ts', input, '--now', NOW, '--quiet', ...flags];
  const answer = await world.cli(run, stdin === undefined ? {} : { stdin });
  expect(answer.code, answer.stderr).toBe(2);
  return { world, outcomes: world.outcomes() };
}

const inputs = { csv: csvText, ndjson: ndjsonText };

describe.each(['csv', 'ndjson'] as const)('the same outcomes, byte for byte: %s', (format) => {
  const text = inputs[format];
  // What does not depend on the format is tried with one of them.
  const isCsv = format === 'csv';
  const files = { 'job.ts': job(format), input: text };
  let plain: World;
  let expected = '';

  beforeAll(async () => {
    ({ world: plain, outcomes: expected } = await outcomesWith(files));
  });

  it('holds every kind of outcome', () => {
    const kinds = new Set(brief(expected).map((line) => line.split(' ').slice(1, 3).join(' ')));
    for (const kind of ['failed NO', 'stalled STALLED', 'failed RETRYABLE', 'failed SCHEMA']) {
      expect(kinds).toContain(kind);
    }
    expect(kinds).toContain('skipped odd');
    expect(kinds).toContain(format === 'csv' ? 'failed BROKEN_QUOTE' : 'failed BAD_JSON');
    expect(parseLines(expected)).toHaveLength(ROWS);
    expect(plain.report()).toMatchObject({ total: ROWS, retried: expect.any(Number) });
    expect(plain.report().retried).toBeGreaterThan(0);
  });

  const shapes: [string, string[]][] = [
    ['one at a time', ['--concurrency', '1', '--workers', '1']],
    ['chunks of 1', ['--chunk', '1', '--concurrency', '7']],
    ['chunks of 13, two workers', ['--chunk', '13', '--workers', '2', '--concurrency', '7']],
  ];
  it.each(isCsv ? shapes : shapes.slice(2))('%s', async (_name, flags) => {
    const { world, outcomes } = await outcomesWith(files, { flags });
    expect(outcomes === expected).toBe(true);
    expect(world.report().digests.outcomes).toBe(plain.report().digests.outcomes);
  });

  it('gzip, and standard input', async () => {
    const zipped = gzipSync(text);
    const gz = await outcomesWith({ 'job.ts': files['job.ts'], 'input.gz': zipped });
    expect(gz.outcomes === expected).toBe(true);
    const piped = await outcomesWith(
      { 'job.ts': files['job.ts'] },
      { input: '-', stdin: isCsv ? text : zipped, flags: ['--chunk', '40'] },
    );
    expect(piped.outcomes === expected).toBe(true);
  });

  const threads = [
    ['on', '13'],
    ['off', '1000'],
  ] as const;
  it.each(isCsv ? threads : threads.slice(0, 1))('worker threads %s', async (parallel, chunk) => {
    const cpuFiles = { 'job.ts': job(format, { cpu: true }), input: text };
    const flags = ['--parallel', parallel, '--chunk', chunk, '--workers', '2'];
    const { outcomes } = await outcomesWith(cpuFiles, { flags });
    expect(outcomes === expected).toBe(true);
  });

  it.runIf(isCsv)('another `now` gives other values, and the seeded numbers stay', async () => {
    const { outcomes } = await outcomesWith(files, { flags: ['--now', '2026-01-02T00:00:00Z'] });
    const day = String(Date.parse(NOW));
    const next = String(Date.parse('2026-01-02T00:00:00Z'));
    expect(expected).toContain(day);
    expect(outcomes === expected.replaceAll(day, next)).toBe(true);
  });

  it('failures.jsonl gives the failed records again, in a batch of their own', async () => {
    const bad = parseLines<Outcome>(expected).filter(
      ({ status }) => status === 'failed' || status === 'stalled',
    );
    const first = plain.batch();
    const failures = `${plain.home}/batches/${first}/r0/failures.jsonl`;
    const answer = await plain.cli(['run', 'job.ts', failures, '--now', NOW, '--json']);
    expect(answer.code, answer.stderr).toBe(2);
    const { batch, total } = JSON.parse(answer.stdout) as { batch: string; total: number };
    expect(batch).not.toBe(first);
    expect(total).toBe(bad.length);
    const again = parseLines<Outcome>(plain.outcomes(batch));
    const told = ({ key, status, ...rest }: Outcome): unknown => [
      key,
      status,
      'error' in rest ? [rest.error.code, rest.error.kind, rest.error.message] : rest,
    ];
    expect(again.map(told)).toEqual(bad.map(told));
    expect(plain.outcomes(first) === expected).toBe(true);
  });
});

it('failures.jsonl of a mended job: only what failed runs, and each is ok now', async () => {
  const world = newWorld();
  const text = (limit: number): string => `import { csv, defineJob, ok } from 'sluice';
export default defineJob({ name: 'mend', input: csv(), key: (row) => row.id, process(row) {
  if (Number(row.n) > ${limit}) throw new Error('over'); return ok(row); } });`;
  world.write('job.ts', text(2));
  world.write('input.csv', 'id,n\na,1\nb,2\n"c ""c""",3\nd,4\n');
  expect((await world.cli(['run', 'job.ts', 'input.csv', '--quiet'])).code).toBe(2);
  const failures = `home/batches/${world.batch()}/r0/failures.jsonl`;
  world.write('job.ts', text(9));
  const answer = await world.cli(['run', 'job.ts', failures, '--json']);
  expect(answer.code, answer.stderr).toBe(0);
  const { batch } = JSON.parse(answer.stdout) as { batch: string };
  expect(brief(world.outcomes(batch))).toEqual([
    'c "c" ok {"id":"c \\"c\\"","n":"3"}',
    'd ok {"id":"d","n":"4"}',
  ]);
});

it.each(['on', 'off'])(
  'ctx.options is one object for all chunks of a batch, threads %s',
  async (parallel) => {
    const world = newWorld();
    world.write(
      'job.ts',
      `import { ndjson, defineJob, ok } from 'sluice';
const seen = new Set();
const options = { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } };
export default defineJob({ name: 'one', input: ndjson(), cpu: true, options, process(row, ctx) {
  seen.add(ctx.options); return ok(seen.size + ctx.options.a); } });`,
    );
    world.write('input.jsonl', '{}\n'.repeat(40));
    const flags = ['--option', 'a=x', '--chunk', '4', '--parallel', parallel, '--quiet'];
    expect((await world.cli(['run', 'job.ts', 'input.jsonl', ...flags])).code).toBe(0);
    const values = parseLines<{ value: string }>(world.outcomes()).map(({ value }) => value);
    expect(new Set(values)).toEqual(new Set(['1x']));
  },
);
