import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { newFolder } from '../../support/cli.ts';
import { type ImportFacts, runImport } from './import-world.ts';

const FULL = process.env['SLUICE_FULL'] !== undefined;
const MAIN = fileURLToPath(new URL('import-main.ts', import.meta.url));

/** As one file: a loader of TypeScript would be 33 MB of what is measured. */
async function bundled(): Promise<string> {
  const outfile = join(newFolder(), 'import.mjs');
  const require =
    "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  await build({
    ...{ entryPoints: [MAIN], outfile, bundle: true, format: 'esm', platform: 'node' },
    ...{ target: 'node20', external: ['pg-native'], banner: { js: require }, logLevel: 'silent' },
  });
  return outfile;
}

/** What holds of every import, whatever its length. */
function expectKept(
  facts: ImportFacts,
  { companies, calls }: { companies: number; calls: number },
) {
  expect(facts).toMatchObject({ status: 'done', counts: { ok: companies }, refused: 0 });
  expect(facts.most).toBeLessThanOrEqual(calls);
  expect(facts.used).toBeGreaterThanOrEqual(0.95);
}

/** On Node 24 it peaked at 226. */
const MOST_MB = Number.parseInt(process.versions.v8, 10) > 12 ? 250 : 220;

describe('an import in virtual time: four processes, clocks a second apart, a strict gateway', () => {
  it('one company a call: no quota error, 95 % of the quota used, an ETA within 10 %', async () => {
    const facts = await runImport({ companies: 1_000, quota: '100/1m', perCall: 1, chunk: 10 });
    expectKept(facts, { companies: 1_000, calls: 100 });
    expect(facts.calls).toBe(1_000);
    expect(Math.abs(facts.etaError)).toBeLessThan(0.1);
  }, 30_000);

  it('fifty companies a call, 30 calls a minute: an ETA within 10 % too', async () => {
    const facts = await runImport({ companies: 6_000, quota: '30/1m', perCall: 50, chunk: 50 });
    expectKept(facts, { companies: 6_000, calls: 30 });
    expect(facts.calls).toBe(120);
    expect(Math.abs(facts.etaError)).toBeLessThan(0.1);
  }, 30_000);

  // Each in a process of its own, whose memory is measured. `SLUICE_IMPORT=245000` runs what
  // the long run leaves out, a hundred seconds of it.
  const one = process.env['SLUICE_IMPORT'];
  it.runIf(FULL || one !== undefined).each(
    [
      { companies: 245_000, quota: '100/1m', perCall: 1, days: 7 },
      { companies: 525_000, quota: '100/1m', perCall: 1, days: 15 },
      { companies: 525_000, quota: '30/1m', perCall: 1000, days: 1 },
    ].filter(({ companies }) =>
      one === undefined ? companies > 245_000 : companies === Number(one),
    ),
  )(
    '$companies companies, $perCall a call, $quota: in $days days, in flat memory',
    async ({ companies, quota, perCall, days }) => {
      // As the command line holds it on Node 24, whose own bound is 64.
      const young = '--max-semi-space-size=16';
      const args = [young, await bundled(), String(companies), quota, String(perCall)];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const facts = JSON.parse(stdout) as ImportFacts;
      console.log(stdout.trim());
      expectKept(facts, { companies, calls: Number(quota.split('/')[0]) });
      expect(facts.calls).toBe(companies / perCall);
      expect(facts.days).toBeLessThan(days);
      expect(Math.max(...facts.rss)).toBeLessThan(MOST_MB);
      expect(facts.logBytes).toBeLessThan(200e6);
      expect(Math.abs(facts.etaError)).toBeLessThan(0.1);
      if (perCall > 1) return;
      // The last fifth also makes the report.
      const [, early = 0, , late] = facts.rss;
      expect(late).toBeLessThan(early * 1.2);
    },
    3_600_000,
  );
});
