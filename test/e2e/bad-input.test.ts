import { appendFileSync, existsSync, renameSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/core/outcome.ts';
import { inProcess } from '../cli/in-process.ts';
import { bundledJob } from '../support/bundled-job.ts';
import type { CliAnswer, CliOptions } from '../support/cli.ts';
import { brief, newWorld, parseLines, until, type World } from '../support/world.ts';

const CSV_JOB = `import * as z from 'zod';
import { csv, defineJob, ok } from 'sluice';
export default defineJob({
  name: 'rows',
  input: csv(z.object({ id: z.string(), n: z.string().regex(/^[0-9]+$/, 'not a number') })),
  key: (row) => row.id,
  limits: { chunk: 2 },
  process: (row) => ok(row.n),
});
`;
const JSON_JOB = CSV_JOB.replace('csv, ', 'ndjson, ').replace('csv(', 'ndjson(');
/** Whatever the columns are, and nothing that a schema would drop. */
const FREE_JOB = `import { csv, defineJob, ndjson, ok } from 'sluice';
export default defineJob({
  name: 'free',
  input: FORMAT(),
  process: (row: any) => ok({ row, clean: ({} as any).polluted === undefined }),
});
`;

const jobs: Record<string, string> = {
  csv: CSV_JOB,
  ndjson: JSON_JOB,
  freeCsv: FREE_JOB.replace('FORMAT', 'csv'),
  freeJson: FREE_JOB.replace('FORMAT', 'ndjson'),
};

interface Case {
  job?: string;
  content: string | Uint8Array;
  flags?: string[];
  code?: number;
  gives: string[];
  /** Of the failed item. */
  says?: RegExp;
}

/** In this process, whose esbuild is there already: what is read does not depend on where the command runs. */
async function runHere(args: string[], { cwd = '.' }: CliOptions = {}): Promise<CliAnswer> {
  const from = process.cwd();
  process.chdir(cwd);
  try {
    const { code, out: stdout, err: stderr } = await inProcess(args);
    return { code, signal: null, stdout, stderr };
  } finally {
    process.chdir(from);
  }
}
const newWorldHere = (): World => newWorld('home', runHere);

async function check({ job = 'csv', content, flags = [], code = 2, gives, says }: Case) {
  const world = newWorldHere();
  world.write('job.ts', await bundledJob(jobs[job] as string));
  world.write('input.dat', content);
  const answer = await world.cli(['run', 'job.ts', 'input.dat', '--quiet', ...flags]);
  expect(answer.code, answer.stderr).toBe(code);
  const outcomes = world.outcomes();
  expect(brief(outcomes)).toEqual(gives);
  if (says !== undefined) expect(failedMessage(outcomes)).toMatch(says);
  return world;
}

const failedMessage = (outcomes: string): string => {
  const failed = parseLines<Outcome>(outcomes).filter(({ status }) => status === 'failed');
  expect(failed).toHaveLength(1);
  return failed[0]?.status === 'failed' ? failed[0].error.message : '';
};

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

describe('one bad record is one failed outcome, and its neighbours are as they would be', () => {
  const cases: Record<string, Case> = {
    'a quote that is never closed, at the end': {
      content: 'id,n\na,1\nb,2\nc,"3',
      gives: ['a ok "1"', 'b ok "2"', 'null failed BROKEN_QUOTE'],
      says: /^The record at line 4 \(byte 13\) opens a quote that is not closed/,
    },
    'a broken quote in the middle': {
      content: 'id,n\na,1\nb,"2\nc,3\nd,4\n',
      gives: ['a ok "1"', 'null failed BROKEN_QUOTE', 'c ok "3"', 'd ok "4"'],
      says: /^The record at line 3 \(byte 9\) /,
    },
    'a record over maxRecordBytes, in CSV': {
      content: `id,n\na,1\nb,${'2'.repeat(3000)}\nc,3\n`,
      flags: ['--max-record-bytes', '1024'],
      gives: ['a ok "1"', 'null failed RECORD_TOO_LONG', 'c ok "3"'],
      says: /is 3002 bytes long; maxRecordBytes allows 1024/,
    },
    'a record over maxRecordBytes, in NDJSON': {
      job: 'ndjson',
      content: `{"id":"a","n":"1"}\n{"id":"${'b'.repeat(3000)}"}\n{"id":"c","n":"3"}\n`,
      flags: ['--max-record-bytes', '1024'],
      gives: ['a ok "1"', 'null failed RECORD_TOO_LONG', 'c ok "3"'],
    },
    'no JSON': {
      job: 'ndjson',
      content: '{"id":"a","n":"1"}\n{"id":"b",n:2}\n{"id":"c","n":"3"}\n',
      gives: ['a ok "1"', 'null failed BAD_JSON', 'c ok "3"'],
      says: /at line 2 \(byte 19\) is not JSON: unexpected "n" at character 11/,
    },
    'bytes that are no UTF-8': {
      content: bytes('id,n\na,1\nb', [0xe9], ',2\nc,3\n'),
      gives: ['a ok "1"', 'null failed INVALID_UTF8', 'c ok "3"'],
      says: /at line 3 \(byte 9\) is not UTF-8 at byte 10\..*encoding 'latin1'/,
    },
    'a NUL byte': {
      job: 'ndjson',
      content: bytes('{"id":"a","n":"1"}\n{"id":"b', [0], '"}\n{"id":"c","n":"3"}\n'),
      gives: ['a ok "1"', 'null failed NUL_BYTE', 'c ok "3"'],
    },
    'ragged rows: too few cells, too many, blank ones too many': {
      content: 'id,n\na\nb,2,x\nc,3,,\nd,4\n',
      gives: ['null failed RAGGED_ROW', 'null failed RAGGED_ROW', 'c ok "3"', 'd ok "4"'],
    },
    'a value that does not fit the schema': {
      content: 'id,n\na,1\nb,many\nc,3\n',
      gives: ['a ok "1"', 'null failed SCHEMA', 'c ok "3"'],
      says: /^line 3, column "n": not a number; got "many"$/,
    },
  };
  it.each(Object.entries(cases))('%s', async (_name, one) => {
    await check(one);
  });
});

describe('what is allowed is read', () => {
  const good = ['a ok "1"', 'b ok "2"'];
  const cases: Record<string, Case> = {
    'a header only': { content: 'id,n\n', code: 0, gives: [] },
    'blank lines only, in NDJSON': { job: 'ndjson', content: '\n\n', code: 0, gives: [] },
    'a byte order mark and CRLF': { content: '\ufeffid,n\r\na,1\r\nb,2\r\n', code: 0, gives: good },
    'semicolons, and a quoted line end': {
      content: 'id;n\n"a\n;""x""";1\nb;2\n',
      code: 0,
      gives: ['a\n;"x" ok "1"', 'b ok "2"'],
    },
    'tabs, as a flag says': {
      content: 'id\tn\na\t1\nb\t2\n',
      flags: ['--delimiter', 'tab'],
      code: 0,
      gives: good,
    },
    'Latin-1, as a flag says': {
      content: bytes('id,n\n', [0xe9], ',1\nb,2\n'),
      flags: ['--encoding', 'latin1'],
      code: 0,
      gives: ['é ok "1"', 'b ok "2"'],
    },
    'gzip of several members, named .dat': {
      content: Buffer.concat([gzipSync('id,n\na,'), gzipSync('1\nb,'), gzipSync('2\n')]),
      code: 0,
      gives: good,
    },
    'a __proto__ column': {
      job: 'freeCsv',
      content: '__proto__,constructor\npolluted,1\n',
      code: 0,
      gives: ['0 ok {"row":{"__proto__":"polluted","constructor":"1"},"clean":true}'],
    },
    'a __proto__ key': {
      job: 'freeJson',
      content: '{"__proto__":{"polluted":1}}\n',
      code: 0,
      gives: ['0 ok {"row":{"__proto__":{"polluted":1}},"clean":true}'],
    },
  };
  it.each(Object.entries(cases))('%s', async (_name, one) => {
    await check(one);
  });

  it('standard input, plain and gzip', async () => {
    for (const stdin of ['id,n\na,1\nb,2\n', gzipSync('id,n\na,1\nb,2\n')]) {
      const world = newWorld();
      world.write('job.ts', await bundledJob(CSV_JOB));
      const answer = await world.cli(['run', 'job.ts', '-', '--quiet'], { stdin });
      expect(answer.code, answer.stderr).toBe(0);
      expect(brief(world.outcomes())).toEqual(good);
    }
  });

  it('several files of a pattern, in the order of their paths', async () => {
    const world = newWorld();
    world.write('job.ts', await bundledJob(CSV_JOB));
    world.write('in/b.csv', 'n,id\n3,c\n');
    world.write('in/a.csv', 'id,n\na,1\nb,2\n');
    world.write('in/deep/c.csv', gzipSync('id;n\nd;4\n'));
    const answer = await world.cli(['run', 'job.ts', 'in/**/*.csv', '--json']);
    expect(answer.code, answer.stderr).toBe(0);
    expect(JSON.parse(answer.stdout)).toMatchObject({ total: 4, input: { sources: 3 } });
    expect(brief(world.outcomes())).toEqual(['a ok "1"', 'b ok "2"', 'c ok "3"', 'd ok "4"']);
  });
});

describe('an input that cannot be read as a whole makes no batch', () => {
  const cases: [string, { content?: string; input?: string; code?: number; says: RegExp }][] = [
    ['an empty file', { content: '', says: /^error: input\.dat: the file is empty/ }],
    [
      'a missing column',
      {
        content: 'id,m\na,1\n',
        says: /^error: input\.dat: column "n" is missing; the header has: id, m\n/,
      },
    ],
    [
      'a column that occurs twice',
      { content: 'id,n,id\na,1,b\n', says: /column "id" occurs twice in the header/ },
    ],
    ['a missing file', { input: 'no.csv', code: 4, says: /^error: There is no file no\.csv\./ }],
    [
      'a pattern that nothing matches',
      { input: '*.none', code: 4, says: /^error: No file matches the pattern '\*\.none'/ },
    ],
  ];
  it.each(cases)('%s', async (_name, { content, input = 'input.dat', code = 1, says }) => {
    const world = newWorldHere();
    world.write('job.ts', await bundledJob(CSV_JOB));
    if (content !== undefined) world.write('input.dat', content);
    const answer = await world.cli(['run', 'job.ts', input]);
    expect(answer.stderr).toMatch(says);
    expect(answer.stderr).not.toContain('    at ');
    expect([answer.code, answer.stdout]).toEqual([code, '']);
    expect(world.batches()).toEqual([]);
  });
});

describe('an input that ends too early', () => {
  const rows = Array.from({ length: 200 }, (_, i) => `k${i},${i}\n`);
  const whole = gzipSync(`id,n\n${rows.join('')}`);

  it.each(['file', 'stdin'])(
    'cut gzip from a %s: what came is kept, the batch fails',
    async (how) => {
      const world = newWorld();
      world.write('job.ts', await bundledJob(CSV_JOB));
      const content = whole.subarray(0, 500);
      const input = how === 'stdin' ? '-' : world.write('cut.gz', content);
      const options = how === 'stdin' ? { stdin: content } : {};
      const answer = await world.cli(['run', 'job.ts', input, '--json'], options);
      expect(answer.code, answer.stderr).toBe(1);
      const kept = brief(world.outcomes());
      expect(kept.length).toBeGreaterThan(50);
      expect(kept).toEqual(kept.map((_, i) => `k${i} ok "${i}"`));
      expect(world.report()).toMatchObject({
        status: 'failed',
        reason: expect.stringMatching(/is cut: it ends in the middle of its compressed data/),
        total: kept.length,
      });
      expect((await world.cli(['verify', world.batch()])).code).toBe(0);
    },
  );

  it('gzip that is damaged within its first block: failed, with a report that says so', async () => {
    const world = newWorld();
    world.write('job.ts', await bundledJob(CSV_JOB));
    const damaged = Buffer.from(whole);
    damaged.fill(0xff, 10, 40);
    world.write('bad.csv.gz', damaged);
    const answer = await world.cli(['run', 'job.ts', 'bad.csv.gz', '--json']);
    expect(answer.code, answer.stderr).toBe(1);
    expect(world.report()).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/bad\.csv\.gz.*damaged/),
    });
  });
});

describe('an input that changes while it is read', () => {
  const slow = `import { csv, defineJob, ok } from 'sluice';
import { appendFileSync } from 'node:fs';
export default defineJob({
  name: 'slow', input: csv(), key: (row) => row.id, limits: { chunk: 5, workers: 1, concurrency: 1 },
  async process(row) {
    appendFileSync('seen', '.');
    await new Promise((go) => setTimeout(go, 20));
    return ok(row.n);
  },
});
`;
  const rows = `id,n\n${Array.from({ length: 60 }, (_, i) => `k${i},${i}\n`).join('')}`;
  const changes: Record<string, (world: World) => void> = {
    'is appended to': (world) => appendFileSync(world.path('input.csv'), 'late,1\n'),
    'is overwritten with as many bytes': (world) =>
      void world.write('input.csv', rows.replaceAll('k', 'j')),
    'is cut': (world) => void world.write('input.csv', rows.slice(0, 50)),
  };
  it.each(Object.entries(changes))('%s: failed, and the reason names it', async (_name, change) => {
    const world = newWorld();
    world.write('job.ts', slow);
    world.write('input.csv', rows);
    const { done } = world.start(['run', 'job.ts', 'input.csv', '--json']);
    await until('the first items', () => existsSync(world.path('seen')));
    change(world);
    const { code, stderr } = await done;
    expect(code, stderr).toBe(1);
    const report = world.report();
    expect(report.status).toBe('failed');
    expect(report.reason).toMatch(/input\.csv is not the file that the batch was started with/);
    const outcomes = brief(world.outcomes());
    expect(outcomes.length).toBe(report.total);
    for (const [i, outcome] of outcomes.entries()) {
      expect([`k${i} ok "${i}"`, 'null notRun']).toContain(outcome);
    }
    expect(outcomes).toContain('null notRun');
  });

  it('is replaced by another file: the pinned one, still open, is worked to its end', async () => {
    const world = newWorld();
    world.write('job.ts', slow);
    world.write('input.csv', rows);
    const { done } = world.start(['run', 'job.ts', 'input.csv', '--concurrency', '4', '--json']);
    await until('the first items', () => existsSync(world.path('seen')));
    renameSync(world.write('other.csv', rows.replaceAll('k', 'j')), world.path('input.csv'));
    const { code, stderr } = await done;
    expect(code, stderr).toBe(0);
    expect(brief(world.outcomes())).toEqual(
      Array.from({ length: 60 }, (_, i) => `k${i} ok "${i}"`),
    );
    const verified = await world.cli(['verify', world.batch()]);
    expect(verified.stdout).toMatch(
      /skipped {2}input: .*is not the file that the batch was started/,
    );
    expect(verified.code).toBe(0);
  });
});

describe('job files', () => {
  const bad: [string, string, RegExp][] = [
    ['throws while it loads', "throw new Error('no such luck');", /throws while it loads: no such/],
    ['has no default export', 'export const job = 1;', /default export is no job \(undefined\)/],
    [
      'exports something else',
      'export default { name: 1 };',
      /default export is no job \(object\)/,
    ],
    ['has a syntax error', 'export default {', /job\.ts:1:16: ERROR/],
    ['imports what is not there', "import 'no-such-package';", /"no-such-package"/],
    [
      'has no process',
      "import { csv, defineJob } from 'sluice'; export default defineJob({ name: 'x', input: csv() } as any);",
      /Job x has no process\(row, ctx\) function/,
    ],
  ];
  it.each(bad)('that %s', async (_name, text, says) => {
    const world = newWorldHere();
    world.write('job.ts', text);
    world.write('input.csv', 'id,n\na,1\n');
    const answer = await world.cli(['run', 'job.ts', 'input.csv']);
    expect(answer.stderr).toMatch(says);
    expect(answer.stderr).not.toContain('    at ');
    expect([answer.code, answer.stdout]).toEqual([1, '']);
    expect(world.batches()).toEqual([]);
  });

  it('that is not there, and a built-in one that is unknown', async () => {
    const world = newWorld();
    world.write('input.csv', 'id,n\na,1\n');
    const missing = await world.cli(['run', './job.ts', 'input.csv']);
    expect([missing.code, missing.stderr]).toEqual([
      4,
      expect.stringMatching(/^error: There is no job file \.\/job\.ts\./),
    ]);
    const unknown = await world.cli(['run', 'oddz', 'input.csv']);
    expect([unknown.code, unknown.stderr]).toEqual([
      4,
      expect.stringMatching(
        /^error: There is no job named oddz\.\n {2}hint: Built-in jobs: .*odds/,
      ),
    ]);
  });

  it('whose items misbehave: each is one failed outcome', async () => {
    const world = newWorld();
    world.write(
      'job.ts',
      `import { defineJob, ndjson, ok, skip } from 'sluice';
const cyclic: any = {}; cyclic.self = cyclic;
const trap = () => { throw new Error('trap'); };
const does: Record<string, () => any> = {
  nothing: () => undefined,
  null: () => null,
  text: () => 'ok',
  otherStatus: () => ({ status: 'fine' }),
  bigint: () => ok(1n),
  cyclic: () => ok(cyclic),
  toJson: () => ok({ toJSON: trap }),
  getter: () => ({ get status() { return trap(); } }),
  then: () => ({ get then() { return trap(); } }),
  reason: () => skip(Object.create(null)),
  throwsText: () => { throw 'only a text'; },
  throwsNull: () => { throw null; },
  throwsBare: () => { throw Object.create(null); },
  throwsTrap: () => { throw { get message() { return trap(); } }; },
  throwsOdd: () => { throw { message: Object.create(null) }; },
  rejects: () => Promise.reject(new Error('rejected')),
  rejectsNothing: () => Promise.reject(),
  long: () => { throw new Error('x'.repeat(10_000)); },
  badKey: () => ok(1),
  throwingKey: () => ok(1),
  longKey: () => ok(1),
  undefinedValue: () => ok(undefined),
};
export default defineJob({
  name: 'wild', input: ndjson(), limits: { chunk: 4 },
  key(row: any) {
    if (row === 'badKey') return 7 as any;
    if (row === 'throwingKey') return trap();
    return row === 'longKey' ? 'x'.repeat(600) : row;
  },
  process: (row: any) => does[row]!(),
});
`,
    );
    const names =
      'nothing null text otherStatus bigint cyclic toJson getter then reason throwsText throwsNull throwsBare throwsTrap throwsOdd rejects rejectsNothing long badKey throwingKey longKey undefinedValue';
    const lines = names.split(' ').map((name) => `${JSON.stringify(name)}\n`);
    world.write('input.jsonl', lines.join(''));
    const answer = await world.cli(['run', 'job.ts', 'input.jsonl', '--quiet']);
    expect(answer.code, answer.stderr).toBe(2);
    const outcomes = world.outcomes();
    expect(brief(outcomes)).toEqual([
      'nothing failed BAD_RESULT',
      'null failed BAD_RESULT',
      'text failed BAD_RESULT',
      'otherStatus failed BAD_RESULT',
      'bigint failed NOT_SERIALISABLE',
      'cyclic failed NOT_SERIALISABLE',
      'toJson failed NOT_SERIALISABLE',
      'getter failed Error',
      'then failed Error',
      'reason failed TypeError',
      'throwsText failed THROWN',
      'throwsNull failed THROWN',
      'throwsBare failed ERROR',
      'throwsTrap failed ERROR',
      'throwsOdd failed ERROR',
      'rejects failed Error',
      'rejectsNothing failed THROWN',
      'long failed Error',
      'null failed BAD_KEY',
      'null failed Error',
      'null failed BAD_KEY',
      'undefinedValue ok undefined',
    ]);
    expect(outcomes).not.toContain('x'.repeat(501));
    expect(world.report()).toMatchObject({ status: 'done', ok: 1, failed: lines.length - 1 });
  });
});
