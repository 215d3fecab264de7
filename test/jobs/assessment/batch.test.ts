import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../lib/core/outcome.ts';
import type { Assessment } from '../../../lib/jobs/assessment/job.ts';
import { openPostgres, type Postgres } from '../../support/postgres.ts';
import { brief, newWorld, parseLines, type World } from '../../support/world.ts';
import { type FakeCass, startFakeCass } from './fake-cass.ts';
import { agentLines, assertionsOf, sampleAgents } from './sample-agents.ts';

const AGENTS = 200;
const NOW = '2026-01-01T00:00:00Z';
const BUILT = fileURLToPath(new URL('../../../dist/jobs/assessment.js', import.meta.url));
const FULL = process.env['SLUICE_FULL'] !== undefined;

/** Ids of the sample, wherever the server is. */
const BASE = 'https://cass.example.org/api';
const sample = sampleAgents(AGENTS, BASE);
const { framework, agents } = sample;

/** Agent 17 has a date that is none; agents 49, 99, 149 and 199 have only what is expired. */
const wrong = agents[17]?.assertions[3];
if (wrong !== undefined) wrong['assertionDate'] = '2025-02-30';

/** Only with a server: it has none of this agent's assertions, and does not know it either. */
const UNKNOWN = 42;
/** ... refuses this one, is busy once for this one, asks these to come back, and cuts this answer short once. */
const [FORBIDDEN, BUSY, AGAIN, CUT] = [150, 60, 61, 62];

const idOf = (agent: number): string => `${BASE}/data/schema.org.Person/agent${agent}`;
const isAbout = (url: URL, agent: number): boolean =>
  (url.searchParams.get('q') ?? '').endsWith(`"${idOf(agent)}"`);

let server: FakeCass;
beforeAll(async () => {
  server = await startFakeCass({
    assertions: assertionsOf(sample).filter(({ subject }) => subject !== idOf(UNKNOWN)),
    latencyMs: 2,
    fault(url, times) {
      if (isAbout(url, FORBIDDEN)) return { status: 403 };
      if (times > 1) return undefined;
      if (isAbout(url, BUSY)) return { status: 503 };
      if (isAbout(url, AGAIN)) return { status: 429, headers: { 'retry-after': '0' } };
      return isAbout(url, CUT) ? { status: 200, body: '[{"@id":', cut: true } : undefined;
    },
  });
});
afterAll(() => server.close());

async function run(
  flags: string[],
  { job = 'assessment', lines = agentLines(sample), env = {} } = {},
): Promise<World & { stdout: string }> {
  const world = newWorld();
  world.write('framework.json', JSON.stringify(framework));
  world.write('agents.jsonl', lines);
  world.write('mine.ts', mine());
  const answer = await world.cli(['run', job, 'agents.jsonl', '--now', NOW, '--quiet', ...flags], {
    env: { SLUICE_CONCURRENCY: '', ...env },
  });
  expect(answer.code, answer.stderr).toBe(2);
  return { ...world, stdout: answer.stdout };
}

const mine = (): string =>
  `import { assessmentJob } from ${JSON.stringify(BUILT)};
   import framework from './framework.json';
   export default assessmentJob({ framework, name: 'mine', cass: { url: '${server.url}' } });`;

const sinks: Record<string, string> = { sqlite: 'sqlite:results.db' };
let postgres: Postgres;
beforeAll(async () => {
  postgres = await openPostgres();
  sinks['postgres'] = postgres.url;
}, 60_000);
afterAll(() => postgres?.stop());

const RESULTS = 'SELECT agent, held, not_held, competencies FROM assessments';
type Written = [agent: string, held: number, notHeld: number, competencies: unknown];

function inSqlite(world: World): Written[] {
  const db = new Database(world.path('results.db'), { readonly: true });
  try {
    const rows = db.prepare(`${RESULTS} ORDER BY item`).raw().all() as [
      string,
      number,
      number,
      string,
    ][];
    return rows.map(([agent, held, notHeld, json]) => [agent, held, notHeld, JSON.parse(json)]);
  } finally {
    db.close();
  }
}

async function inPostgres(world: World): Promise<Written[]> {
  // A server that others use too may have older batches in the same table.
  const rows = await postgres.query<Record<string, unknown>>(
    `${RESULTS} WHERE batch = $1 ORDER BY item`,
    [world.batch()],
  );
  await postgres.query('DELETE FROM assessments WHERE batch = $1', [world.batch()]);
  return rows.map(({ agent, held, not_held, competencies }) => [
    agent as string,
    Number(held),
    Number(not_held),
    competencies,
  ]);
}

/** What a sink must hold: a row for each agent that is ok. */
const okRows = (world: World): Written[] =>
  parseLines<Outcome>(world.outcomes()).flatMap((outcome): Written[] => {
    if (outcome.status !== 'ok') return [];
    const { held, notHeld, competencies } = outcome.value as Assessment;
    return [[outcome.key as string, held, notHeld, competencies]];
  });

const IDS = agents.map(({ agent }) => `${JSON.stringify(agent)}\n`).join('');
const FILE = ['--option', 'framework=framework.json', '--option', 'details=all'];
const CASS = (): string[] => [...FILE, '--option', `cass=${server.url}`];

describe('200 agents with their assertions in the file', () => {
  let world: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    world = await run([...FILE, '--concurrency', '1']);
  });

  it('end each for itself: one failed, four with nothing to assess', () => {
    const lines = brief(world.outcomes());
    expect(lines).toHaveLength(AGENTS);
    expect(lines.filter((line) => !line.includes(' ok '))).toEqual([
      `${idOf(17)} failed BAD_DATE`,
      ...[49, 99, 149, 199].map((agent) => `${idOf(agent)} skipped nothing to assess`),
    ]);
    for (const state of ['"held"', '"notHeld"', '"indeterminate"', '"unknown"']) {
      expect(world.outcomes()).toContain(`"state":${state}`);
    }
    const round = `${world.home}/batches/${world.batch()}/r0`;
    const failures = readFileSync(`${round}/failures.jsonl`, 'utf8');
    expect(failures).toContain('assertionDate must be a date with its zone');
  });

  it('leave a report that can be audited, and a table', () => {
    const report = world.report();
    expect(report).toMatchObject({ total: AGENTS, ok: 195, skipped: 4, failed: 1, stalled: 0 });
    expect(report).toMatchObject({ concurrency: 1, workers: 1 });
    expect(Date.parse(report.finishedAt)).toBeGreaterThanOrEqual(Date.parse(report.startedAt));
    expect(report.options).toMatchObject({ framework: { digest: expect.any(String) } });
    expect(report.details).toHaveLength(AGENTS);
    expect(report.details?.[17]).toMatchObject({
      key: idOf(17),
      error: { kind: 'permanent', code: 'BAD_DATE' },
      tries: 1,
      worker: expect.stringMatching(/./),
    });
    for (const row of [/^ok +195 +97\.5/m, /^skipped +4 /m, /^failed +1 /m, /^items +200 /m]) {
      expect(world.stdout).toMatch(row);
    }
    expect(world.stdout).toMatch(/failures by code\n +1 {2}BAD_DATE/);
    expect(world.stdout).toContain('at most 1 x 1 at once');
  });

  it.each([
    [1, 'sqlite', ['--concurrency', '1'], {}],
    [2, 'none', [], { SLUICE_CONCURRENCY: '2' }],
    [4, 'none', [], {}],
    [16, 'postgres', ['--concurrency', '16'], {}],
  ])('are the same from a server, with %s calls open at most; sink: %s', async (...row) => {
    const [cap, sink, own, env] = row;
    const flags = sink === 'none' ? own : [...own, '--option', `sink=${sinks[sink]}`];
    // Held until so many are open: a peak below the cap would mean that the cap is not used.
    server.reset(cap);
    const other = await run([...CASS(), ...flags], { lines: IDS, env });
    expect(server.stats()).toMatchObject({ peak: cap, open: 0 });
    // One call an agent, one more for the unknown one, and one for each of the three that were tried again.
    expect(server.stats().calls).toBe(AGENTS + 4);
    const lines = other.outcomes().split('\n');
    const there = world.outcomes().split('\n');
    for (const agent of [UNKNOWN, FORBIDDEN]) {
      expect(brief(other.outcomes())[agent]).toBe(
        `${idOf(agent)} failed ${agent === UNKNOWN ? 'UNKNOWN_AGENT' : 'HTTP_403'}`,
      );
      lines[agent] = there[agent] as string;
    }
    expect(lines.join('\n') === there.join('\n')).toBe(true);
    expect(other.report()).toMatchObject({ concurrency: cap, failed: 3, retried: 3 });
    digests.add(other.report().digests.outcomes);
    expect(digests.size).toBe(1);
    if (sink === 'none') return;
    const written = sink === 'sqlite' ? inSqlite(other) : await inPostgres(other);
    expect(written).toEqual(okRows(other));
  });
  const digests = new Set<string>();

  it('are the same with framework and server in a job file of its own', async () => {
    server.reset();
    const other = await run(['--option', 'details=all'], { job: './mine.ts', lines: IDS });
    expect([...digests.add(other.report().digests.outcomes)]).toHaveLength(1);
    expect(server.stats().peak).toBeLessThanOrEqual(4);
  });

  it.runIf(FULL)(
    'are the same from functions in an emulated cloud, under the same cap',
    async () => {
      server.reset();
      const world = newWorld();
      world.write('framework.json', JSON.stringify(framework));
      world.write('agents.jsonl', IDS);
      world.write('mine.ts', mine());
      const flags = ['--now', NOW, '--option', 'details=all', '--speed', '1', '--json'];
      const answer = await world.cli(['emulate', 'run', './mine.ts', 'agents.jsonl', ...flags]);
      expect(answer.code, answer.stderr).toBe(2);
      const report = JSON.parse(answer.stdout.trim().split('\n').at(-1) as string);
      expect([...digests.add(report.digests.outcomes)]).toHaveLength(1);
      expect(server.stats().peak).toBeLessThanOrEqual(4);
    },
    120_000,
  );
});

describe('before anything starts', () => {
  it.each([
    [[], /^error: Wrong option of job assessment: framework: give the path or URL of a framework/],
    [['--option', 'framework=none.json'], /none\.json cannot be read: ENOENT/],
    [
      ['--option', 'framework=wrong.json'],
      /relation "c1" narrows "c9": there is no competency "c9"/,
    ],
  ])('%j', async (flags, message) => {
    const empty = newWorld();
    empty.write('agents.ndjson', agentLines(sample));
    const relations = [{ source: 'c1', relationType: 'narrows', target: 'c9' }];
    empty.write('wrong.json', JSON.stringify({ competencies: ['c1'], relations }));
    const answer = await empty.cli(['run', 'assessment', 'agents.ndjson', ...flags]);
    expect(answer).toMatchObject({ code: 64, stderr: expect.stringMatching(message) });
    expect(empty.batches()).toEqual([]);
  });
});
