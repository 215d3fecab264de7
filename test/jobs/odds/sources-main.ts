/**
 * Two files of odds over the same made-up matches, in the columns of two sources: `npm run make:odds -- --matches 20000
 * --write sources`. It prints what the odds-markets job has to find in them.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSources } from '../../../lib/jobs/odds/sample-sources.ts';

const { values } = parseArgs({
  options: {
    matches: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    write: { type: 'string', default: 'sources' },
  },
});

function whole(name: 'matches' | 'seed', max: number): number {
  const value = Number(values[name]);
  if (/^\d{1,9}$/.test(values[name]) && value <= max) return value;
  throw new Error(`--${name} must be a whole number from 0 to ${max}; got '${values[name]}'.`);
}

mkdirSync(values.write, { recursive: true });
const [football, bookie] = ['football-data.csv', 'closing_odds.csv'].map((name) =>
  openSync(join(values.write, name), 'w'),
) as [number, number];
const written = await writeSources({
  matches: whole('matches', 1_020_000),
  seed: whole('seed', 999_999_999),
  writeFootballData: (text) => writeSync(football, text),
  writeBeatTheBookie: (text) => writeSync(bookie, text),
});
closeSync(football);
closeSync(bookie);
console.log(JSON.stringify(written, null, 2));
