import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../lib/core/outcome.ts';
import type { Recipe } from '../../../lib/jobs/recipes/job.ts';
import { newWorld, parseLines, type World } from '../../support/world.ts';
import {
  type FakeService,
  type FakeServiceOptions,
  fateOf,
  recipeFor,
  startFakeService,
} from './fake-service.ts';

const FATES = { crash: 0.15, doomed: 0.05, stall: 0.1, known: 0.15, empty: 0.1 };
const FULL = process.env['SLUICE_FULL'] !== undefined;
const PAGES = FULL ? 100 : 24;
/** 3 to 8 minutes are 0.6 to 1.6 seconds. */
const FAST: FakeServiceOptions = { speed: 300, slots: 100, fates: FATES };

const urls = Array.from({ length: PAGES }, (_, at) => `https://recipes.example.org/${at}`);
const fates = urls.map((url) => fateOf(url, FATES));
const WANTED: Record<string, string> = {
  fine: 'ok',
  crash: 'ok',
  doomed: 'failed SERVICE_CRASHED',
  stall: 'stalled STALLED',
  known: 'skipped duplicate',
  empty: 'failed NO_RECIPE',
};
const wanted = fates.map((fate) => WANTED[fate]);

let service: FakeService;
let world: World;
beforeEach(async () => {
  service = await startFakeService(FAST);
  world = newWorld();
  world.write('pages.jsonl', urls.map((url) => `${JSON.stringify({ url })}\n`).join(''));
});
afterEach(() => service.close());

const run = (flags: string[] = []) =>
  world.cli([
    'run',
    'recipes',
    'pages.jsonl',
    '--quiet',
    '--option',
    `service=${service.url}`,
    '--option',
    'stall=3s',
    ...flags,
  ]);

const ends = (): string[] =>
  parseLines<Outcome>(world.outcomes()).map((outcome) => {
    if (outcome.status === 'ok') return 'ok';
    if (outcome.status === 'skipped') return `skipped ${outcome.reason}`;
    return outcome.status === 'notRun' ? 'notRun' : `${outcome.status} ${outcome.error.code}`;
  });

describe('pages by a service of minutes, some of which crash, stall, are known or have no recipe', {
  timeout: 60_000,
}, () => {
  it('has every fate among its pages', () => {
    for (const fate of Object.keys(WANTED)) expect(fates).toContain(fate);
  });

  it('end each with its own, submitted once, and again only after a crash', async () => {
    const { code, stderr } = await run();
    expect(code, stderr).toBe(2);
    expect(ends()).toEqual(wanted);
    for (const [at, outcome] of parseLines<Outcome & { value?: Recipe }>(
      world.outcomes(),
    ).entries()) {
      if (outcome.status === 'ok')
        expect(outcome.value?.title).toBe(recipeFor(urls[at] as string).name);
    }
    const count = (fate: string): number => fates.filter((one) => one === fate).length;
    const { accepted, duplicates, doubled, refused } = service.stats();
    expect({ doubled, refused, duplicates }).toEqual({
      doubled: 0,
      refused: 0,
      duplicates: count('known'),
    });
    // Twice what crashes once, three times what always does, once what stalls.
    expect(accepted).toBe(PAGES - count('known') + count('crash') + 2 * count('doomed'));
  });

  it('wait for a slot of a service that has few, and none fails for it', async () => {
    await service.close();
    // Stalled work keeps its slot for ever.
    service = await startFakeService({ ...FAST, slots: 4, fates: { known: 0.15 } });
    const some = urls.slice(0, FULL ? PAGES : 12);
    world.write('pages.jsonl', some.map((url) => `${JSON.stringify({ url })}\n`).join(''));
    const { code, stderr } = await run(['--concurrency', '8', '--workers', '2']);
    expect(code, stderr).toBe(0);
    const { peak, refused, accepted, duplicates } = service.stats();
    expect(peak).toBe(4);
    expect(refused).toBeGreaterThan(0);
    expect(accepted + duplicates).toBe(some.length);
  });
});
