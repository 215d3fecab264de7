import { describe, expect, test } from 'vitest';
import type { Logger } from '../../lib/ports/logger.ts';

export interface LoggerUnderTest {
  logger: Logger;
  /** All lines that were kept, after a flush. */
  lines(): Promise<{ level: string; message: string; fields: Record<string, unknown> }[]>;
  end?(): Promise<void>;
}

/** What every logger does. */
export function testLogger(name: string, make: () => Promise<LoggerUnderTest>): void {
  describe(`${name} keeps the contract of a logger`, () => {
    test('keeps level, message and fields, children add theirs, nearer ones win', async () => {
      const { logger, lines, end } = await make();
      logger.info('one', { chunk: 7, ok: true, name: 'x', nothing: undefined });
      const child = logger.child({ batch: 'b', chunk: 1 }).child({ stage: 2 });
      child.warn('two', { extra: 'y' });
      child.error('three');
      logger.info('four');
      await logger.flush();
      const found = await lines();
      expect(found.map(({ level, message }) => [level, message])).toEqual([
        ['info', 'one'],
        ['warn', 'two'],
        ['error', 'three'],
        ['info', 'four'],
      ]);
      expect(found[0]?.fields).toEqual({ chunk: 7, ok: true, name: 'x' });
      expect(found[1]?.fields).toEqual({ batch: 'b', chunk: 1, stage: 2, extra: 'y' });
      expect(found[2]?.fields).toEqual({ batch: 'b', chunk: 1, stage: 2 });
      expect(found[3]?.fields).toEqual({});
      await end?.();
    });

    test('has all lines after a flush, in order, and a flush of nothing ends', async () => {
      const { logger, lines, end } = await make();
      await logger.flush();
      for (let i = 0; i < 500; i += 1) logger.info(`line ${i}`, { i });
      await logger.flush();
      const found = await lines();
      expect(found.map((one) => one.fields['i'])).toEqual(Array.from({ length: 500 }, (_, i) => i));
      await end?.();
    });
  });
}
