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
  // Other tests share this list: all that they left is taken out of it first.
  const others = Array.from({ length: 12 }, () => borrowMemory(1));
  const [small, large, huge] = [100_000, 900_000, 1_100_000].map(borrowMemory) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  for (const memory of [large, small, huge]) returnMemory(memory);
  const again = [90_000, 800_000, 1_100_000].map(borrowMemory);
  expect([small, large, huge].map((memory, at) => memory === again[at])).toEqual([
    true,
    true,
    false,
  ]);
  for (const memory of [...others, small, large]) returnMemory(memory);
});
