import Database from 'libsql';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../../lib/core/outcome.ts';
import job, { type Company, companiesJob } from '../../../lib/jobs/companies/job.ts';
import { openPostgres } from '../../support/postgres.ts';
import { brief, newWorld, parseLines, type World } from '../../support/world.ts';
import { json, text } from './fake-gateway.ts';
import { type FakeInsee, type FakeInseeOptions, KEY, startFakeInsee } from './fake-insee.ts';
import { sirenAt, successorOf } from './fake-register.ts';

const FULL = process.env['SLUICE_FULL'] !== undefined;

let server: FakeInsee | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  await server?.close();
  server = undefined;
});

/** A window so short and a quota so wide that nobody waits for it, unless a test is about that. */
const WIDE = { calls: 10_000, windowMs: 10_000 };

interface Given {
  server?: FakeInseeOptions;
  flags?: string[];
  csv?: string;
  quota?: string;
}

async function start({ server: given = WIDE, csv = csvOf(120), quota = '10000/10s' }: Given) {
  server = await startFakeInsee(given);
  const world = newWorld();
  world.write('companies.csv', csv);
  const base = ['--option', `base=${server.url}`, '--option', `quota=${quota}`];
  const run = (flags: string[], key = KEY) =>
    world.cli(['run', 'companies', 'companies.csv', ...base, ...flags], {
      env: { INSEE_API_KEY: key },
    });
  return { world, run };
}

async function run(given: Given) {
  const { world, run: again } = await start(given);
  const answer = await again(given.flags ?? []);
  return { world, answer, run: again };
}

const csvOf = (count: number): string =>
  `siren\n${Array.from({ length: count }, (_, at) => `${sirenAt(at)}\n`).join('')}`;

const stats = () => (server as FakeInsee).stats();

function inSqlite(world: World, file: string) {
  const db = new Database(world.path(file), { readonly: true });
  try {
    return db.prepare('SELECT * FROM companies ORDER BY item').all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

const okOf = (world: World): Company[] =>
  parseLines<Outcome>(world.outcomes()).flatMap((outcome) =>
    outcome.status === 'ok' ? [outcome.value as Company] : [],
  );

describe('120 companies', () => {
  it('one a call: each ends for itself, and lies in the database', async () => {
    const sink = ['--option', 'sink=sqlite:companies.db', '--option', 'group=50'];
    const { world, answer } = await run({ flags: sink });
    expect(answer.code, answer.stderr).toBe(0);
    const lines = brief(world.outcomes());
    expect(lines.filter((line) => !line.includes(' ok '))).toEqual([
      `${sirenAt(41)} skipped not public`,
      `${sirenAt(53)} skipped closed as a duplicate of ${successorOf(sirenAt(53))}`,
      `${sirenAt(67)} skipped not in Sirene`,
    ]);
    // One call each, and a second one for the four that no search finds.
    expect(stats()).toMatchObject({ calls: 124, refused: 0 });
    const written = inSqlite(world, 'companies.db');
    expect(written.map(({ siren, city }) => ({ siren, city }))).toEqual(
      okOf(world).map(({ siren, headOffice }) => ({ siren, city: headOffice?.city ?? null })),
    );
    expect(written[0]).toMatchObject({
      ...{ name: 'ATELIER 0', legal_form: '5710', state: 'active', head_office: 'open' },
      ...{ street: '1 BIS RUE DES DEPOTS', postcode: '22000', partial: 0, text_key: null },
    });
  });

  it.runIf(FULL)(
    'by hundreds into PostgreSQL',
    async () => {
      const postgres = await openPostgres();
      try {
        const flags = ['per-call=60', `sink=${postgres.url}`].flatMap((one) => ['--option', one]);
        const { world, answer } = await run({ flags });
        expect(answer.code, answer.stderr).toBe(0);
        const written = await postgres.query<Record<string, unknown>>(
          'SELECT siren, name, partial, siret FROM companies WHERE batch = $1 ORDER BY item',
          [world.batch()],
        );
        await postgres.query('DELETE FROM companies WHERE batch = $1', [world.batch()]);
        expect(written).toEqual(
          okOf(world).map(({ siren, name, partial, headOffice }) => ({
            ...{ siren, name, partial, siret: headOffice?.siret },
          })),
        );
      } finally {
        await postgres.stop();
      }
    },
    60_000,
  );

  it('by hundreds: the same records in two calls, in the order of the input', async () => {
    const alone = await run({});
    const truth = okOf(alone.world).filter(({ headOffice }) => headOffice !== null);
    await server?.close();
    // Twice the same row, and one that is wrong, in the midst of a group.
    const rows = csvOf(120).split('\n');
    rows.splice(51, 0, '123456789', sirenAt(9));
    const { world, answer } = await run({
      csv: rows.join('\n'),
      flags: ['--option', 'per-call=100'],
    });
    expect(answer.code, answer.stderr).toBe(2);
    expect(stats()).toMatchObject({ calls: 2, companies: 116 });
    const companies = okOf(world);
    const [again] = companies.splice(
      companies.findLastIndex(({ siren }) => siren === sirenAt(9)),
      1,
    );
    expect(again).toEqual(truth.find(({ siren }) => siren === sirenAt(9)));
    expect(companies).toEqual(truth);
    expect(brief(world.outcomes())[50]).toBe('123456789 failed BAD_SIREN');
  });
});

describe('the quota', () => {
  it.each(FULL ? (['gravitee', 'wso2'] as const) : (['gravitee'] as const))(
    'that others use up too stops everyone as long as the gateway says, and nobody fails: %s',
    async (refusal) => {
      // The gateway allows less than the job was told: the first calls beyond it are refused.
      const { world, answer } = await run({
        server: { calls: 5, windowMs: 1_000, refusal },
        csv: csvOf(9),
        quota: '100/1s',
      });
      expect(answer.code, answer.stderr).toBe(0);
      expect(world.report()).toMatchObject({ total: 9, ok: 9 });
      expect(stats().calls).toBe(9);
      expect(stats().refused).toBeGreaterThan(0);
    },
    30_000,
  );
});

describe('a server that fails', () => {
  it('a key that expires in the midst pauses the batch with one message; a resume ends it', async () => {
    const calm = await run({});
    const digest = calm.world.report().digests.outcomes;
    await server?.close();
    let expired = true;
    const { world, run: again } = await start({
      server: {
        ...WIDE,
        fault: (_, call) =>
          expired && call > 60 ? json(401, { message: 'Unauthorized' }) : undefined,
      },
    });
    const paused = await again([]);
    expect(paused.code).toBe(1);
    const told = paused.stderr.match(/KEY_REFUSED: Sirene refused the key \(401\)/g);
    expect(told).toHaveLength(1);
    // Whoever was on the way, and no call more.
    expect(stats().statuses['401']).toBeLessThanOrEqual(8);
    expired = false;
    const resumed = await world.cli(['resume', world.batch(), '--quiet'], {
      env: { INSEE_API_KEY: KEY },
    });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(world.report().digests.outcomes).toBe(digest);
    expect(world.report().failed).toBe(0);
  });

  it('a wrong key starts nothing, and the key is in no file', async () => {
    const { world, run: again } = await start({ csv: csvOf(100) });
    const { code, stderr } = await again(['--option', 'per-call=100'], 'not-the-key-of-the-server');
    expect(code).toBe(1);
    expect(stderr).toContain('KEY_REFUSED');
    expect(stats().statuses).toEqual({ 401: 1 });
    expect((await again(['--option', 'per-call=100'])).code).toBe(0);
    expect(world.outcomes()).not.toContain(KEY);
  });

  // Five tries, seconds apart.
  it.runIf(FULL)(
    'a company that the server fails on fails alone, and can be tried again',
    async () => {
      const bad = sirenAt(5);
      let broken = true;
      const { world, answer } = await run({
        csv: csvOf(12),
        server: {
          ...WIDE,
          fault: ({ path }) => (broken && path.includes(bad) ? text(500, 'oops') : undefined),
        },
      });
      expect(answer.code, answer.stderr).toBe(2);
      expect(brief(world.outcomes())[5]).toBe(`${bad} failed SERVER_ERROR`);
      expect(world.report()).toMatchObject({ ok: 11, failed: 1 });
      broken = false;
      const retry = ['retry', world.batch(), '--code', 'SERVER_ERROR', '--quiet'];
      const again = await world.cli(retry, { env: { INSEE_API_KEY: KEY } });
      expect(again.code, again.stderr).toBe(0);
    },
    60_000,
  );

  it('a query that is too long is halved until it fits', async () => {
    const { world, answer } = await run({
      csv: csvOf(160),
      flags: ['--option', 'per-call=160'],
      server: {
        ...WIDE,
        fault: ({ body, path }) => (body.length + path.length > 1_200 ? text(413, '') : undefined),
      },
    });
    expect(answer.code, answer.stderr).toBe(0);
    expect(okOf(world)).toHaveLength(153);
    expect(stats().statuses).toEqual({ 200: 4, 413: 3 });
  });
});

describe('texts of the input', () => {
  const about = (at: number): string =>
    `Entreprise ${at}, fenêtres et portes en bois depuis ${1900 + at}.`;
  const texts: Record<number, string> = {
    2: 'Trop court.',
    3: `${about(3)} [Votre nom]`,
    5: `${about(5)} Le moins cher.`,
    7: '',
    8: about(9),
  };
  const csv = `siren,description\n${Array.from({ length: 10 }, (_, at) => `${sirenAt(at)},"${texts[at] ?? about(at)}"\n`).join('')}`;

  it('are rejected with a counter by reason, before any call; equal ones share a key', async () => {
    const rules = ['texts=description', 'min-length=20', 'required=bois', 'forbidden=moins cher'];
    const flags = [...rules, 'sink=sqlite:c.db'].flatMap((option) => ['--option', option]);
    const { world, answer } = await run({ csv, flags });
    expect(answer.code, answer.stderr).toBe(2);
    expect(world.report()).toMatchObject({ ok: 6, failed: 4 });
    expect(
      Object.fromEntries(world.report().failures.map(({ code, items }) => [code, items])),
    ).toEqual({ TOO_SHORT: 1, PLACEHOLDER: 1, FORBIDDEN_WORD: 1, TEXT_MISSING: 1 });
    expect(stats().calls).toBe(6);
    const keys = inSqlite(world, 'c.db').map(({ text_key: key }) => key);
    expect(keys.at(-1)).toBe(keys.at(-2));
    expect(new Set(keys).size).toBe(5);
  });
});

describe('options', () => {
  const check = async (given: Record<string, string>, of = job) => {
    const checked = await of.options?.['~standard'].validate(given);
    if (checked?.issues === undefined) return checked?.value;
    return checked.issues.map(({ path, message }) => `${path?.join('.') ?? ''}: ${message}`)[0];
  };

  it('say what INSEE publishes where nothing is given', async () => {
    expect(await check({})).toMatchObject({
      base: 'https://api.insee.fr/api-sirene/3.11',
      quota: { calls: 30, per: '1m' },
      perCall: 1,
      group: 100,
    });
    expect(await check({ quota: '100/1m', 'per-call': '1000' })).toMatchObject({
      quota: { calls: 100, per: '1m' },
      perCall: 1000,
    });
  });

  it.each([
    [{ quota: '100' }, 'quota: must be calls and a window, such as 30/1m or 100/1m; got "100".'],
    [{ quota: '0/1m' }, 'quota: must be calls'],
    [{ 'per-call': '1001' }, 'per-call: must be a whole number from 1 to 1000; got "1001".'],
    [{ 'per-call': '' }, 'per-call: must be a whole number'],
    [{ base: 'api.insee.fr' }, 'base: must be the base of the API, such as https://api.insee.fr'],
    [
      { base: 'https://me:secret@x.org' },
      'base: must hold no user name and no password; got some for x.org.',
    ],
    [{ timeout: '10' }, 'timeout: must be the time of one call, 100ms to 300s; got "10".'],
    [{ sink: 'mysql://x' }, 'sink: the URL of a sink must begin with sqlite: or postgres://'],
    [{ group: '0' }, 'group: must be a whole number from 1 to 10000; got "0".'],
    [
      { required: 'bois' },
      'required: needs the columns that hold texts: --option texts=description.',
    ],
    [{ texts: 'a', forbidden: 'x,!' }, 'forbidden: must be words; got "!".'],
    [{ texts: 'a,,b' }, 'texts: must be texts with commas between them; got "a,,b".'],
    [
      { texts: 'a', 'min-length': '9', 'max-length': '8' },
      'min-length: must not be above max-length 8; got 9.',
    ],
    [{ percall: '9' }, ': the companies job has no option percall: it has base, quota, per-call,'],
  ])('%j is refused', async (given, message) => {
    expect(await check(given as Record<string, string>)).toContain(message);
  });

  it('of whoever uploads an input do not say where the key is sent', async () => {
    const own = companiesJob({ base: 'https://sirene.example.org/3.11/' });
    expect(await check({}, own)).toMatchObject({ base: 'https://sirene.example.org/3.11' });
    expect(await check({ base: 'https://x.org' }, own)).toContain('base: is part of the job file');
    expect(await check({ sink: 'sqlite:a.db' }, own)).toContain('sink: is part of the job file');
    vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'orchestrator');
    expect(await check({ base: 'https://x.org' })).toContain('since the key is sent there');
    expect(await check({ sink: 'sqlite:a.db' })).toContain('a function has no file');
    expect(await check({ quota: '100/1m' })).toMatchObject({ quota: { calls: 100 } });
    expect(() => companiesJob({ base: 'ftp://x' })).toThrow('must be the base of the API');
  });
});
