import { csv, defineJob, ok, PermanentError, skip } from '../../index.ts';
import { createConverter, matchKey } from './convert.ts';
import { oddsOptions } from './options.ts';
import type { OddsOptions } from './price.ts';

/** A batch has one options object for all its rows: its converter is made once. */
const converters = new WeakMap<OddsOptions, ReturnType<typeof createConverter>>();

function converterFor(options: OddsOptions): ReturnType<typeof createConverter> {
  const known = converters.get(options);
  if (known !== undefined) return known;
  const converter = createConverter(options);
  converters.set(options, converter);
  return converter;
}

/**
 * Decimal odds after commission, overround and fair probabilities of every 1X2 and over/under 2.5
 * market in football-data.co.uk files, in exact integer arithmetic.
 *
 * Options: `commission` (2%, 0.02, or BF=5%,PS=0.02,default=0; 5% for BFE, 0 for all others),
 * `rounding` (half-up, half-even or down) and `places` (2 to 4, default 3).
 */
export default defineJob({
  name: 'odds',
  input: csv(),
  key: matchKey,
  options: oddsOptions,
  cpu: true,
  process(row, { options }) {
    const done = converterFor(options)(row);
    if ('value' in done) return ok(done.value);
    if ('skip' in done) return skip(done.skip);
    throw new PermanentError(done.message, { code: done.code });
  },
});
