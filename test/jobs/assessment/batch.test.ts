import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { brief, newWorld, type World } from '../../support/world.ts';

const AGENTS = 200;
const NOW = '2026-01-01T00:00:00Z';
const BUILT = fileURLToPath(new URL('../../../dist/jobs/assessment.js', import.meta.url));

const ids = Array.from({ length: 40 }, (_, at) => `c${at}`);
const framework = {
  competencies: ids,
  relations: ids.slice(1).map((source, at) => ({
    source,
    relationType: at % 5 === 4 ? 'isRequiredBy' : 'narrows',
    target: `c${Math.floor(at / 3)}`,
  })),
};

/** Agent 17 has a date that is none, agent 42 an unknown competency, agent 99 only what is expired. */
const agents = Array.from({ length: AGENTS }, (_, agent) => {
  const assertions = Array.from({ length: (agent % 9) + 1 }, (_, at) => ({
    id: `a${agent}-${at}`,
    competency: agent === 42 && at === 3 ? 'c400' : `c${(agent * 7 + at * 11) % 40}`,
    assertionDate: agent === 17 ? '2025-02-30' : '2025-03-01',
    ...(agent === 99 ? { expirationDate: '2025-12-31' } : {}),
    ...((agent + at) % 4 === 0 ? { negative: true } : {}),
    confidence: ((agent + at) % 10) / 10,
  }));
  return `${JSON.stringify({ agent: `agent${agent}`, assertions })}\n`;
}).join('');

async function run(flags: string[], job = 'assessment'): Promise<World> {
  const world = newWorld();
  world.write('framework.json', JSON.stringify(framework));
  world.write('agents.ndjson', agents);
  world.write(
    'mine.ts',
    `import { assessmentJob } from ${JSON.stringify(BUILT)};
     import framework from './framework.json';
     export default assessmentJob({ framework, name: 'mine' });`,
  );
  const answer = await world.cli(['run', job, 'agents.ndjson', '--now', NOW, '--quiet', ...flags]);
  expect(answer.code, answer.stderr).toBe(2);
  return world;
}

const FILE = ['--option', 'framework=framework.json', '--option', 'details=all'];

describe('a batch of 200 agents', () => {
  let expected = '';
  let world: World;
  beforeAll(async () => {
    world = await run([...FILE, '--concurrency', '1', '--workers', '1']);
    expected = world.outcomes();
  });

  it('ends with every agent: two failed alone, one with nothing to assess', () => {
    const lines = brief(expected);
    expect(lines).toHaveLength(AGENTS);
    expect(lines.filter((line) => !line.includes(' ok '))).toEqual([
      'agent17 failed BAD_DATE',
      'agent42 failed UNKNOWN_COMPETENCY',
      'agent99 skipped nothing to assess',
    ]);
    expect(world.report()).toMatchObject({ total: AGENTS, ok: 197, failed: 2, skipped: 1 });
    const failures = readFileSync(
      `${world.home}/batches/${world.batch()}/r0/failures.jsonl`,
      'utf8',
    );
    expect(failures).toContain('assertionDate must be a date with its zone');
    for (const state of ['"held"', '"notHeld"', '"indeterminate"', '"unknown"']) {
      expect(expected).toContain(`"state":${state}`);
    }
  });

  it.each(['2', '4', '16'])('the same outcomes at concurrency %s', async (concurrency) => {
    const other = await run([...FILE, '--concurrency', concurrency, '--workers', '2']);
    expect(other.outcomes() === expected).toBe(true);
  });

  it('the same outcomes with the framework in a job file of its own', async () => {
    const other = await run(['--option', 'details=all', '--concurrency', '4'], './mine.ts');
    expect(other.outcomes() === expected).toBe(true);
  });
});

describe('before anything starts', () => {
  it.each([
    [[], /^error: Wrong option of job assessment: framework: give the path of a framework/],
    [['--option', 'framework=none.json'], /none\.json cannot be read: ENOENT/],
    [
      ['--option', 'framework=wrong.json'],
      /relation "c1" narrows "c9": there is no competency "c9"/,
    ],
  ])('%j', async (flags, message) => {
    const empty = newWorld();
    empty.write('agents.ndjson', agents);
    const relations = [{ source: 'c1', relationType: 'narrows', target: 'c9' }];
    empty.write('wrong.json', JSON.stringify({ competencies: ['c1'], relations }));
    const answer = await empty.cli(['run', 'assessment', 'agents.ndjson', ...flags]);
    expect(answer).toMatchObject({ code: 64, stderr: expect.stringMatching(message) });
    expect(empty.batches()).toEqual([]);
  });
});
