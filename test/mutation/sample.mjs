/**
 * Loaded by Stryker: of all changes it would try, the share SLUICE_MUTATION_SAMPLE (percent), chosen by a hash of where
 * and what they are. A whole run of core and engine takes many hours; a sample of a few hundred tells the score to within 5 %.
 */
import { createHash } from 'node:crypto';

const percent = Number(process.env['SLUICE_MUTATION_SAMPLE'] ?? 100);
const seed = process.env['SLUICE_MUTATION_SEED'] ?? '1';
// Not among the package's exports: a plugin has no other way to take part in the choice.
const { allMutators } = await import(process.env['SLUICE_MUTATION_MUTATORS']);

function chosen(name, { start, end }, nth) {
  const text = `${seed}:${name}:${start}:${end}:${nth}`;
  return createHash('sha256').update(text).digest().readUInt32BE(0) < (percent / 100) * 2 ** 32;
}

for (const mutator of allMutators) {
  const mutate = mutator.mutate.bind(mutator);
  mutator.mutate = function* sampled(path) {
    let nth = 0;
    for (const replacement of mutate(path)) {
      if (chosen(mutator.name, path.node, nth++)) yield replacement;
    }
  };
}

export const strykerPlugins = [];
