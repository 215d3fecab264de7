import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Progress } from '../../lib/app/drive.ts';
import { EXIT, exitOfCode, exitOfReport } from '../../lib/cli/exit-codes.ts';
import { barLines, plainLine } from '../../lib/cli/progress-line.ts';
import { tableLines } from '../../lib/cli/table.ts';
import { selfOf, takesColour, word } from '../../lib/cli/terminal.ts';
import { etaMs, newPace } from '../../lib/core/pace.ts';

interface Given {
  done: number;
  total: number | undefined;
  codes?: Record<string, number>;
}

const progress = ({ done, total, codes = {} }: Given): Progress => {
  const failed = Object.values(codes).reduce((sum, items) => sum + items, 0);
  return {
    state: {
      batch: { id: 'odds-abcdefghij', settings: {} } as Progress['state']['batch'],
      totalChunks: undefined,
      plannedChunks: 1,
      releasedChunks: 1,
      doneChunks: 1,
      counts: { ok: done - failed, skipped: 0, failed, stalled: 0, notRun: 0 },
      doneItems: done,
      totalItems: total,
      open: { failed, stalled: 0 },
    },
    busy: 1,
    slots: 2,
    threads: 2,
    codes,
    rssBytes: 120e6,
  };
};

describe('the bar', () => {
  const codes = { A: 1, B: 7, C: 3, D: 2 };

  it('shows how far it is, how fast, and what failed most', () => {
    const lines = barLines(
      { progress: progress({ done: 50_000, total: 200_000, codes }), rate: 5000 },
      100,
    );
    expect(lines).toEqual([
      `[${'#'.repeat(10)}${'-'.repeat(30)}]  25 % 50 000/200 000  5 000/s  ETA 30 s`,
      'workers 1/2  failed 13  B 7  C 3  D 2  1 more codes  120 MB',
    ]);
  });

  it('has no bar and no ETA while the total is unknown', () => {
    const [line] = barLines({ progress: progress({ done: 1200, total: undefined }), rate: 60 }, 80);
    expect(line).toBe('1 200 so far  60/s');
  });

  it('says that the report is being written, and 99 % until the last item', () => {
    const at = (done: number): string =>
      barLines({ progress: progress({ done, total: 1000 }), rate: 10 }, 80)[0] ?? '';
    expect(at(999)).toContain(' 99 % ');
    expect(at(1000)).toMatch(/100 % 1 000\/1 000 {2}writing the report$/);
  });

  it('fits any terminal of 40 columns and more', () => {
    const given = fc.record({
      done: fc.nat(1e12),
      extra: fc.option(fc.nat(1e12), { nil: undefined }),
      rate: fc.option(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { nil: undefined }),
      width: fc.integer({ min: 40, max: 240 }),
      codes: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,32}$/), fc.integer({ min: 1, max: 1e9 })),
    });
    fc.assert(
      fc.property(given, ({ done, extra, rate, width, codes: some }) => {
        const total = extra === undefined ? undefined : done + extra;
        for (const line of barLines(
          { progress: progress({ done, total, codes: some }), rate },
          width,
        )) {
          expect(line.length).toBeLessThanOrEqual(width);
          expect(line).not.toBe('');
        }
      }),
    );
  });

  it('as a plain line holds everything', () => {
    const shown = { progress: progress({ done: 50_000, total: 200_000, codes }), rate: 5000 };
    expect(plainLine(shown)).toBe(
      'odds-abcdefghij: 50 000/200 000, 25 %, 5 000/s, ETA 30 s, workers 1/2, failed 13, B 7, C 3, D 2, 1 more codes, 120 MB',
    );
  });
});

describe('pace', () => {
  it('knows a steady rate within 10 %, whatever the chunks, once a quarter is done', () => {
    const given = fc.record({
      perSecond: fc.integer({ min: 1, max: 100_000 }),
      seconds: fc.integer({ min: 60, max: 7200 }),
      chunksInAll: fc.integer({ min: 200, max: 5000 }),
    });
    fc.assert(
      fc.property(given, ({ perSecond, seconds, chunksInAll }) => {
        const total = perSecond * seconds;
        // Fewer items than chunks is another thing: one item more or less is then a tenth of the rate.
        fc.pre(total >= chunksInAll);
        const chunk = Math.max(1, Math.floor(total / chunksInAll));
        const pace = newPace();
        const step = (seconds * 1000) / 1000;
        for (let ms = 0; ms <= (seconds * 1000) / 4; ms += step) {
          pace.note(Math.floor((perSecond * ms) / 1000 / chunk) * chunk, ms);
        }
        const rate = pace.rate() ?? 0;
        expect(Math.abs(rate - perSecond) / perSecond).toBeLessThan(0.1);
      }),
      { numRuns: 50 },
    );
  });

  it('is not misled by chunks that last for minutes and end together', () => {
    const [perMinute, burst, total] = [96.7, 4_000, 100_000];
    const pace = newPace();
    for (let minute = 0; minute * perMinute < total; minute += 1) {
      pace.note(Math.floor((minute * perMinute) / burst) * burst, minute * 60_000);
      if (minute * perMinute < total / 4) continue;
      expect(Math.abs(((pace.rate() ?? 0) * 60) / perMinute - 1)).toBeLessThan(0.02);
    }
    // Nothing ends any more: a wait that is longer than the longest so far makes it slower.
    const end = total / perMinute + 1000;
    pace.note(total - burst, end * 60_000);
    expect((pace.rate() ?? 0) * 60).toBeLessThan(perMinute / 2);
  });

  it('starts from what was done when this process took the batch up', () => {
    const pace = newPace();
    pace.note(1_000_000, 0);
    pace.note(1_000_000, 400);
    expect(pace.rate()).toBeUndefined();
    pace.note(1_000_500, 1000);
    pace.note(1_001_000, 2000);
    expect(pace.rate()).toBe(500);
  });

  it('has no ETA without a total or a rate, and none that a quota forbids', () => {
    expect(etaMs({ done: 5, total: 10, itemMs: 620 }, 5)).toBe(3_100);
    expect([
      etaMs({ done: 1, total: undefined }, 5),
      etaMs({ done: 1, total: 10 }, undefined),
      etaMs({ done: 5, total: 10 }, 5),
    ]).toEqual([undefined, undefined, 1000]);
  });
});

describe('words for the shell and the terminal', () => {
  it('colours only a terminal, and not under NO_COLOR', () => {
    expect(takesColour({ isTTY: true }, {})).toBe(true);
    expect(takesColour({ isTTY: true }, { NO_COLOR: '' })).toBe(true);
    expect(takesColour({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(takesColour({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
    expect(takesColour({}, {})).toBe(false);
  });

  it('quotes what a shell would split', () => {
    expect(['a/b-c.csv', 'a b', "it's", ''].map(word)).toEqual([
      'a/b-c.csv',
      "'a b'",
      "'it'\\''s'",
      "''",
    ]);
  });

  it('names the program as it was started', () => {
    expect(selfOf('/usr/bin/sluice')).toBe('sluice');
    expect(selfOf('/p/node_modules/.bin/sluice', 'h h')).toBe("npx sluice --home 'h h'");
    expect(selfOf('dist/cli/main.js')).toBe('node dist/cli/main.js');
  });

  it('cuts the last column of a table, and hides control characters', () => {
    const columns = [{ title: 'id' }, { title: 'n', right: true }, { title: 'text' }];
    expect(tableLines(columns, [['a', '10', `x\u001b[31m${'y'.repeat(50)}`]], 24)).toEqual([
      'id   n  text',
      'a   10  x␛[31myyyyyyyyy…',
    ]);
  });
});

describe('exit codes', () => {
  it.each([
    ['done', 0, 0, 0, EXIT.ok],
    ['done', 1, 0, 0, EXIT.failures],
    ['done', 0, 1, 0, EXIT.failures],
    ['done', 0, 0, 3, EXIT.failures],
    ['stopped', 5, 0, 9, EXIT.threshold],
    ['failed', 0, 0, 0, EXIT.error],
    ['cancelled', 0, 0, 9, EXIT.error],
  ] as const)('%s with %i failed, %i stalled and %i not run is %i', (...row) => {
    const [status, failed, stalled, notRun, code] = row;
    expect(exitOfReport({ status, failed, stalled, notRun })).toBe(code);
  });

  it('of errors', () => {
    expect((['USAGE', 'NOT_FOUND', 'STATE', undefined] as const).map(exitOfCode)).toEqual([
      64, 4, 1, 1,
    ]);
  });
});
