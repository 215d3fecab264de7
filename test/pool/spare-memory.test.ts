import fc from 'fast-check';
import { expect, test } from 'vitest';
import { borrowMemory, returnMemory } from '../../lib/pool/spare-memory.ts';

test('no memory is lent twice, and each is as large as was asked for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 3_000_000 }), fc.constant('give' as const)), {
        maxLength: 60,
      }),
      (steps) => {
        const lent: Buffer[] = [];
        for (const step of steps) {
          if (step === 'give') {
            const memory = lent.shift();
            if (memory !== undefined) returnMemory(memory);
            continue;
          }
          const memory = borrowMemory(step);
          expect(memory.length).toBeGreaterThanOrEqual(step);
          expect(lent.includes(memory)).toBe(false);
          lent.push(memory);
        }
        for (const memory of lent) returnMemory(memory);
      },
    ),
    { numRuns: 100 },
  );
});

test('the smallest that fits is lent again, what is very large is let go', () => {
  const [small, large, huge] = [100_000, 900_000, 1_100_000].map(borrowMemory) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  for (const memory of [large, small, huge]) returnMemory(memory);
  expect(borrowMemory(90_000)).toBe(small);
  expect(borrowMemory(800_000)).toBe(large);
  expect(borrowMemory(1_100_000)).not.toBe(huge);
});
