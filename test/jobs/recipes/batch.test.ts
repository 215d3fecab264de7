import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../lib/core/outcome.ts';
import type { Recipe } from '../../../lib/jobs/recipes/job.ts';
import { brief, newWorld, parseLines, type World } from '../../support/world.ts';
import { cake, jsonLdPage, microdataPage } from './pages.ts';

/** Pages of a site of our own, by path. */
const latin1 = Buffer.from(
  microdataPage.replace('<body>', '<meta charset="windows-1252"><body>'),
  'latin1',
);
type Page = {
  status?: number;
  type?: string;
  body?: string | Uint8Array;
  headers?: Record<string, string>;
};
const pages: Record<string, (times: number) => Page> = {
  '/cake': () => ({ body: jsonLdPage(cake) }),
  '/strudel': () => ({ type: 'text/html', body: latin1 }),
  '/zipped': () => ({
    body: gzipSync(jsonLdPage({ ...cake, name: 'Zipped' })),
    headers: { 'content-encoding': 'gzip' },
  }),
  '/moved': () => ({ status: 301, headers: { location: '/cake?utm_source=moved' } }),
  '/away': () => ({ status: 302, headers: { location: 'http://169.254.169.254/latest' } }),
  '/busy': (times) =>
    times === 1
      ? { status: 503, headers: { 'retry-after': '0' } }
      : { body: jsonLdPage({ ...cake, name: 'Busy' }) },
  '/gone': () => ({ status: 410 }),
  '/broken': () => ({ status: 500 }),
  '/photo': () => ({ type: 'image/jpeg', body: 'x' }),
  '/article': () => ({ body: '<h1>Ten things' }),
  '/huge': () => ({ body: ' '.repeat(11 * 1024 * 1024) }),
};

let site: string;
let asked: Record<string, number> = {};
const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://x').pathname;
  asked[path] = (asked[path] ?? 0) + 1;
  const {
    status = 200,
    type = 'text/html; charset=utf-8',
    body = '',
    headers,
  } = pages[path]?.(asked[path] ?? 1) ?? { status: 404 };
  response.writeHead(status, { 'content-type': type, ...headers });
  response.end(body);
});
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const linesOf = (records: readonly object[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');
const option = (...given: string[]): string[] => given.flatMap((one) => ['--option', one]);
const allowed = (): string[] => option(`allow=${new URL(site).host}`, 'rate=6000');

async function run(
  world: World,
  records: readonly object[],
  flags: string[],
  code = 2,
): Promise<string> {
  world.write('pages.jsonl', linesOf(records));
  const answer = await world.cli(['run', 'recipes', 'pages.jsonl', '--quiet', '--json', ...flags]);
  expect(answer.code, answer.stderr).toBe(code);
  return (JSON.parse(answer.stdout) as { batch: string }).batch;
}

const shortOf = (outcomes: string): string[] =>
  parseLines<Outcome>(outcomes).map((outcome) => {
    if (outcome.status === 'ok') return `ok ${(outcome.value as Recipe).title}`;
    if (outcome.status === 'skipped') return `skipped ${outcome.reason}`;
    return outcome.status === 'notRun' ? 'notRun' : `${outcome.status} ${outcome.error.code}`;
  });

describe('pages that are fetched', () => {
  const paths = [...Object.keys(pages), '/nothing'];
  const WANTED = [
    'ok Lemon cake',
    'ok Apfelstrudel',
    'ok Zipped',
    'ok Lemon cake',
    'failed BLOCKED_ADDRESS',
    'ok Busy',
    'failed HTTP_410',
    'failed SERVER_ERROR',
    'failed NOT_HTML',
    'failed NO_RECIPE',
    'failed RESPONSE_TOO_LARGE',
    'failed HTTP_404',
  ];

  it('end each for itself, the same at any concurrency and chunk', async () => {
    const outcomes = [];
    for (const flags of [
      ['--concurrency', '1', '--workers', '1'],
      ['--concurrency', '8', '--chunk', '3'],
    ]) {
      const world = newWorld();
      asked = {};
      await run(
        world,
        paths.map((path) => ({ url: `${site}${path}` })),
        [...allowed(), ...flags],
      );
      outcomes.push(world.outcomes());
      expect(shortOf(world.outcomes())).toEqual(WANTED);
      // Tried three times in all.
      expect(asked['/broken']).toBe(3);
    }
    expect(outcomes[0]).toBe(outcomes[1]);
    const [, strudel, , moved] = parseLines<Outcome & { value: Recipe }>(outcomes[0] as string);
    // By the page's own word on its encoding.
    expect(strudel?.value.yield).toBe('6 Stück');
    expect(moved?.value.url).toBe(`${site}/cake`);
    expect(moved?.key).toBe(`${site}/moved`);
  });

  it('are not fetched from addresses that are not public', async () => {
    const world = newWorld();
    asked = {};
    await run(world, [{ url: `${site}/cake` }, { url: 'http://2130706433/x' }], []);
    expect(shortOf(world.outcomes())).toEqual(['failed BLOCKED_ADDRESS', 'failed BLOCKED_ADDRESS']);
    expect(asked).toEqual({});
  });
});

describe('pages that are there already', () => {
  it('in the record and in files below a folder; what is wrong is told', async () => {
    const world = newWorld();
    world.write('saved/a.html', jsonLdPage(cake));
    world.write('secret.html', jsonLdPage(cake));
    await run(
      world,
      [
        { url: 'https://x.org/1', html: microdataPage },
        { url: 'https://x.org/2', file: 'a.html' },
        { url: 'https://x.org/3', file: '../secret.html' },
        { url: 'https://x.org/4', file: world.path('secret.html') },
        { url: 'https://x.org/5', file: 'b.html' },
        { url: 'https://x.org/6', file: '.' },
        { url: 'https://x.org/7', file: 'a.html', html: 'x' },
        { url: 'file:///etc/passwd' },
        { url: 'https://x.org/9', html: jsonLdPage({ '@type': 'Recipe', name: 'Only a name' }) },
        {
          url: 'https://x.org/10',
          html: `<script type="application/ld+json">{"@type":"Recipe",</script>`,
        },
      ],
      option('pages=saved'),
    );
    expect(shortOf(world.outcomes())).toEqual([
      'ok Apfelstrudel',
      'ok Lemon cake',
      'failed NO_FILE',
      'failed NO_FILE',
      'failed NO_FILE',
      'failed NO_FILE',
      'failed SCHEMA',
      'failed SCHEMA',
      'failed INCOMPLETE',
      'failed BAD_JSON_LD',
    ]);
  });
});

describe('a table of recipes', () => {
  it('makes a second batch skip what a first one wrote, and fetch nothing of it', async () => {
    const world = newWorld();
    const sink = option('sink=sqlite:recipes.db');
    const rows = (): unknown[][] => {
      const db = new Database(world.path('recipes.db'), { readonly: true });
      try {
        return db
          .prepare('SELECT url, asked, title, item FROM recipes ORDER BY title')
          .raw()
          .all() as unknown[][];
      } finally {
        db.close();
      }
    };
    const first = await run(
      world,
      [
        { url: `${site}/article` },
        { url: `${site}/moved` },
        { url: `${site}/cake#x` },
        { url: `${site}/zipped` },
      ],
      [...allowed(), ...sink],
    );
    // Within a batch each record stands for itself, and the first of the input has the row.
    expect(
      brief(world.outcomes(first)).map((line) => line.split(' ').slice(0, 2).join(' ')),
    ).toEqual([
      `${site}/article failed`,
      `${site}/moved ok`,
      `${site}/cake ok`,
      `${site}/zipped ok`,
    ]);
    const before = rows();
    expect(before).toEqual([
      [`${site}/cake`, `${site}/moved`, 'Lemon cake', 1],
      [`${site}/zipped`, `${site}/zipped`, 'Zipped', 3],
    ]);
    asked = {};
    const second = await run(
      world,
      [
        { url: `${site}/cake?utm_medium=x` },
        { url: `${site}/moved` },
        { url: `${site}/article` },
        { url: `${site}/busy` },
      ],
      [...allowed(), ...sink],
    );
    expect(shortOf(world.outcomes(second))).toEqual([
      'skipped duplicate',
      'skipped duplicate',
      'failed NO_RECIPE',
      'ok Busy',
    ]);
    // What was no recipe is not known: it is looked at again.
    expect(Object.keys(asked).sort()).toEqual(['/article', '/busy']);
    expect(rows().filter(([url]) => url !== `${site}/busy`)).toEqual(before);
  });
});

describe('options', () => {
  it.each([
    [
      ['rate=0'],
      'rate: must be the calls a minute to one host, a whole number from 1 to 6000; got "0".',
    ],
    [['pages=none'], 'pages: must be a folder of saved pages; there is none at "none".'],
    [['stall=5'], 'stall: must be a duration from 1s to 24h, such as \'15m\'; got "5".'],
    [['service=x'], 'service: must be the base of an extraction service'],
    [['service=http://x.org/?a'], 'ending before any ? or #'],
    [['allow=http://x'], 'allow: must be hosts with commas between them'],
    [['sink=mysql://x'], 'sink: the URL of a sink must begin with sqlite: or postgres://'],
    [['x=1'], 'the recipes job has no option x: it has rate, stall, pages, service, allow, sink.'],
  ])('%j is refused', async (options, message) => {
    const world = newWorld();
    world.write('pages.jsonl', '{"url":"https://x.org"}\n');
    const { code, stderr } = await world.cli([
      'run',
      'recipes',
      'pages.jsonl',
      ...option(...options),
    ]);
    expect(code).toBe(64);
    expect(stderr).toContain(message);
  });
});
