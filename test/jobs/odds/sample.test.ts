import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createConverter, matchKey, type Row } from '../../../lib/jobs/odds/convert.ts';
import job from '../../../lib/jobs/odds/job.ts';
import { SAMPLE_HEADER, type Sample, writeSample } from '../../../lib/jobs/odds/sample.ts';
import { allFixtures } from '../../../lib/jobs/odds/sample-fixtures.ts';
import { fixtures, LEAGUES } from '../../../lib/jobs/odds/sample-leagues.ts';
import { seeded } from '../../../lib/jobs/odds/sample-random.ts';

async function sample(rows: number, seed = 1): Promise<{ text: string; wrote: Sample }> {
  const blocks: string[] = [];
  const wrote = await writeSample({ rows, seed, write: (block) => blocks.push(block) });
  return { text: blocks.join(''), wrote };
}

describe('the sample', () => {
  it('is the same for the same seed, and another for another', async () => {
    const [one, again, other] = [await sample(500), await sample(500), await sample(500, 2)];
    expect(again.text).toBe(one.text);
    expect(other.text).not.toBe(one.text);
    const digest = createHash('sha256').update(one.text).digest('hex');
    expect(digest, 'the bytes must not depend on the machine').toBe(
      'b3a9debb5e0ca27bd73d79a0be4d82ab284cdaf91a2cb8f1a88076635ae1c0ae',
    );
  });

  it('has the header, the rows and the comma-only lines it says, in ASCII', async () => {
    const { text, wrote } = await sample(1000);
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).toBe(SAMPLE_HEADER);
    expect(lines).toHaveLength(1 + 1000 + wrote.blankRows);
    expect(lines.slice(-wrote.blankRows)).toEqual(Array(wrote.blankRows).fill(','.repeat(64)));
    expect(wrote).toMatchObject({ rows: 1000, bytes: Buffer.byteLength(text) });
    expect(text.length / 1000, 'bytes a row').toBeGreaterThan(240);
  });

  it('fails exactly the rows it spoiled, and converts all others', async () => {
    const { text, wrote } = await sample(20_000);
    const bytes = Buffer.from(text);
    const layout = job.input.open(bytes, {});
    const read = async (start: number, end: number) => bytes.subarray(start, end);
    const range = { start: layout.dataStart, end: bytes.length, first: 0 };
    const counts: { ok?: number; [what: string]: number | undefined } = {};
    const count = (what: string) => {
      counts[what] = (counts[what] ?? 0) + 1;
    };
    const convert = createConverter();
    const keys = new Set<string>();
    for await (const block of layout.records(read, range, { maxRecordBytes: 1 << 20 })) {
      for (const [i, row] of block.rows.entries()) {
        const error = block.errors?.get(i);
        if (error !== undefined) {
          count(error.code);
          continue;
        }
        const done = convert(row as Row);
        if ('value' in done) keys.add(matchKey(row as Row));
        count('value' in done ? 'ok' : 'skip' in done ? done.skip : done.code);
      }
    }
    const { bad } = wrote;
    const spoiled = Object.values(bad).reduce((a, b) => a + b, 0);
    expect(counts).toEqual({
      ok: 20_000 - spoiled,
      ODDS_TOO_LOW: bad['odds too low'],
      ODDS_NOT_A_NUMBER: bad['text for odds'],
      BAD_DATE: bad['bad date'],
      MISSING_TEAM: bad['no team'],
      RAGGED_ROW: bad.ragged,
    });
    expect(spoiled / 20_000).toBeGreaterThan(0.002);
    expect(spoiled / 20_000).toBeLessThan(0.004);
    expect(keys.size, 'every match once').toBe(counts.ok);
  });

  it('has all three date formats, leagues and margins of real files', async () => {
    const { text } = await sample(20_000);
    const rows = text
      .split('\n')
      .slice(1, 20_001)
      .map((line) => line.split(','));
    const shareOf = (pattern: RegExp) =>
      rows.filter((cells) => pattern.test(cells[1] ?? '')).length / rows.length;
    expect(shareOf(/^\d\d\/\d\d\/\d\d$/)).toBeGreaterThan(0.3);
    expect(shareOf(/^\d\d\/\d\d\/\d{4}$/)).toBeGreaterThan(0.1);
    expect(shareOf(/^\d{4}-\d\d-\d\d$/)).toBeGreaterThan(0.01);
    expect(new Set(rows.slice(0, 1000).map((cells) => cells[0])).size).toBe(LEAGUES.length);
    const margins = rows
      .map((cells) => cells.slice(23, 26).map(Number))
      .filter((odds) => odds.every((value) => value > 1))
      .map(([home = 1, draw = 1, away = 1]) => 1 / home + 1 / draw + 1 / away - 1)
      .sort((a, b) => a - b);
    expect(margins[Math.floor(margins.length * 0.02)]).toBeGreaterThan(0.03);
    expect(margins[Math.floor(margins.length * 0.98)]).toBeLessThan(0.08);
  });

  it('waits for a slow writer and holds no more than a block', async () => {
    let open = 0;
    const sizes: number[] = [];
    await writeSample({
      rows: 4000,
      write: async (block) => {
        open++;
        expect(open).toBe(1);
        sizes.push(block.length);
        await new Promise((done) => setTimeout(done, 1));
        open--;
      },
    });
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThan(300 * 1024);
  });
});

describe('fixtures', () => {
  it.each(LEAGUES.map(({ div, clubs }) => [div, clubs] as const))('of %s', (_, clubs) => {
    expect(new Set(clubs).size, 'no club twice').toBe(clubs.length);
    expect(clubs.length % 2).toBe(0);
    const seen = new Set<string>();
    for (let round = 0; round < 2 * (clubs.length - 1); round++) {
      const pairs = fixtures(clubs.length, round);
      expect(new Set(pairs.flat()).size, 'each club once a round').toBe(clubs.length);
      for (const [home, away] of pairs) seen.add(`${home}-${away}`);
    }
    expect(seen.size, 'each club at each other').toBe(clubs.length * (clubs.length - 1));
  });

  it('are 255,710 distinct ones of real calendar years', () => {
    const seen = new Set<string>();
    const seasons = new Set<number>();
    for (const { league, home, away, season } of allFixtures(seeded(1))) {
      const id = `${league.div} ${season} ${home} ${away}`;
      if (seen.has(id)) break;
      seen.add(id);
      seasons.add(season);
    }
    expect([Math.min(...seasons), Math.max(...seasons)]).toEqual([1991, 2025]);
    expect(seen.size).toBe(255_710);
  });
});
