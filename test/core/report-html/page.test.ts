import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FailureGroup, Report } from '../../../lib/core/report.ts';
import { escapeHtml, html, toText } from '../../../lib/core/report-html/html.ts';
import { renderReportHtml } from '../../../lib/core/report-html/page.ts';
import { PALETTES } from '../../../lib/core/report-html/style.ts';
import { REPORTS, usual, workers } from './reports.ts';

const names = Object.keys(REPORTS);
const pageOf = (name: string): string => renderReportHtml(REPORTS[name] ?? usual(), {});
const VOID = new Set(['meta', 'br']);

/** Tags in order, after a check that attributes are quoted and elements closed in the order of opening. */
function tagsOf(page: string): string[] {
  const open: string[] = [];
  const tags: string[] = [];
  const text = page
    .replace(/<style>[^<]*<\/style>/, '<style></style>')
    .replace('<!doctype html>', '');
  for (const [found, close, name = '', attributes = '', self] of text.matchAll(
    /<(\/?)([a-z][a-z\d]*)((?:\s+[a-zA-Z][\w-]*(?:="[^"<]*")?)*)\s*(\/?)>|</g,
  )) {
    if (name === '') throw new Error(`a '<' that opens no tag: ${found}`);
    tags.push(name + attributes);
    if (close === '/') expect(open.pop()).toBe(name);
    else if (self !== '/' && !VOID.has(name)) open.push(name);
  }
  expect(open).toEqual([]);
  return tags;
}

test.each(names)(
  '%s: well-formed, one h1, landmarks, scoped headers, no script, nothing from elsewhere',
  (name) => {
    const page = pageOf(name);
    const tags = tagsOf(page);
    const count = (pattern: RegExp): number => tags.filter((tag) => pattern.test(tag)).length;
    expect(count(/^h1\b/)).toBe(2);
    expect(count(/^main\b/)).toBe(2);
    expect(count(/^header\b/)).toBe(2);
    expect(count(/^footer\b/)).toBe(2);
    expect(tags).toContain('html lang="en"');
    expect(tags.filter((tag) => /^th /.test(tag) && !/scope="(?:col|row)"/.test(tag))).toEqual([]);
    expect(count(/^(?:script|link|img|iframe|object|embed|base|form|a)\b/)).toBe(0);
    expect(count(/\s(?:on\w+|src|srcset|action)=/)).toBe(0);
    expect(tags.filter((tag) => /href=/.test(tag) && !/href="#i-\w+"/.test(tag))).toEqual([]);
    expect(page).not.toMatch(/https?:|url\(|@import|@font-face/);
    expect(page).toContain("content=\"default-src 'none'; style-src 'unsafe-inline';");
  },
);

test.each(names)('%s: ids are unique and every reference to one is met', (name) => {
  const page = pageOf(name);
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]);
  expect(new Set(ids).size).toBe(ids.length);
  const wanted = [...page.matchAll(/aria-labelledby="([^"]+)"|href="#([^"]+)"/g)].flatMap((match) =>
    (match[1] ?? match[2] ?? '').split(' '),
  );
  expect(wanted.length).toBeGreaterThan(5);
  expect(wanted.filter((id) => !ids.includes(id))).toEqual([]);
});

test.each(names)('%s: every chart has a title, a description and a table', (name) => {
  const page = pageOf(name);
  for (const [svg] of page.matchAll(/<svg class="(?:chart|bar)"[\s\S]*?<\/svg>/g)) {
    expect(svg).toMatch(
      /role="img".*<title id="[^"]+">[^<]+<\/title><desc id="[^"]+">[^<]+<\/desc>/s,
    );
  }
  const charts = page.match(/<svg class="chart"/g)?.length ?? 0;
  expect(page.match(/<details><summary>[^<]+ as a table<\/summary>/g)?.length ?? 0).toBe(charts);
  expect(charts).toBe(['empty', 'failed'].includes(name) ? 0 : 2);
});

test.each(names)('%s: geometry is finite and within the drawing', (name) => {
  const page = pageOf(name);
  expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/);
  const geometry = [...page.matchAll(/\s(x|x1|x2|y|y1|y2|width|height|dx)="([^"]*)"/g)];
  const bad = geometry.filter(([, , value = '']) => {
    const n = Number.parseFloat(value);
    return !/^-?\d+(\.\d+)?%?$/.test(value) || n < -6 || n > 216;
  });
  expect(bad.map(([found]) => found)).toEqual([]);
});

test('the bar of outcomes ends exactly at its right edge', () => {
  for (const name of ['usual', 'cancelled', 'stopped', 'crowded']) {
    const bar = /<svg class="bar"[\s\S]*?<\/svg>/.exec(pageOf(name))?.[0] ?? '';
    const segments = [...bar.matchAll(/<rect class="f-\w+" x="([\d.]+)%" width="([\d.]+)%"/g)];
    expect(segments.length).toBeGreaterThan(2);
    const last = segments.at(-1);
    expect(Number(last?.[1]) + Number(last?.[2])).toBeCloseTo(100, 1);
  }
});

test('every end is told in words, with its reason', () => {
  expect(pageOf('clean')).toMatch(/class="badge c-ok".*Done</);
  expect(pageOf('usual')).toMatch(/class="badge c-stalled".*Done, with failures</);
  expect(pageOf('cancelled')).toMatch(/class="badge c-notRun".*Cancelled</);
  expect(pageOf('stopped')).toMatch(/class="badge c-failed".*Stopped by its threshold</);
  expect(pageOf('failed')).toMatch(/class="badge c-failed".*Failed</);
  expect(pageOf('failed')).toContain('The input ends inside a quoted cell');
  expect(pageOf('failed')).toContain('None of 2\u202f000 items ran.');
  expect(pageOf('empty')).toContain('The input held no items.');
});

test('long lists end in one row that holds the rest', () => {
  const page = pageOf('crowded');
  expect(page).toContain('40 other codes');
  expect(page).toContain('30 others');
  expect(page).toContain('REMOTE_519');
  expect(page).not.toContain('REMOTE_520');
});

test('a batch without failures shows neither failures nor how to run them again', () => {
  expect(pageOf('clean')).not.toContain('failures.jsonl');
  expect(pageOf('usual')).toContain('sluice retry companies-01k3f6c2m9-9f2c4be1');
  expect(pageOf('usual')).toContain('sluice verify companies-01k3f6c2m9-9f2c4be1');
});

test('names that a shell would take apart are quoted in commands', () => {
  const page = renderReportHtml(usual({ batch: "it's; rm -rf /" }), {});
  expect(page).toContain(`sluice retry ${escapeHtml("'it'\\''s; rm -rf /'")}<`);
});

const hostile = fc.oneof(
  fc.constantFrom(
    '<script>alert(1)</script>',
    '</title><script>',
    '</style><img src=x onerror=y>',
    '" onmouseover="x',
    "' style='x",
    '<!--',
    ']]>',
    '&lt;',
    '\u0000\u001b[31m',
    '\u202egnp.exe',
    '\ud83d',
    '__proto__',
    '<'.repeat(5000),
  ),
  fc.string({ maxLength: 300 }),
);

const hostileReport: fc.Arbitrary<Report> = fc
  .record({
    text: fc.tuple(hostile, hostile, hostile, hostile, hostile),
    digests: fc.record({ input: hostile, job: hostile, outcomes: hostile, manifest: hostile }),
    options: fc.dictionary(hostile, fc.oneof(hostile, fc.jsonValue()), { maxKeys: 5 }),
    failures: fc.array(
      fc.record({
        code: hostile,
        kind: hostile as fc.Arbitrary<FailureGroup['kind']>,
        items: fc.nat(),
        examples: fc.array(
          fc.record({ index: fc.nat(), key: fc.option(hostile), message: hostile }),
          { maxLength: 4 },
        ),
      }),
      { maxLength: 4 },
    ),
    worker: hostile,
    counts: fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.nat()),
    status: fc.constantFrom('done', 'cancelled', 'stopped', 'failed'),
  })
  .map(({ text: [job, batch, reason, name, instant], counts, worker, ...rest }) => {
    const [ok, skipped, failed, stalled, notRun] = counts;
    return usual({
      ...rest,
      job,
      batch,
      reason,
      startedAt: instant,
      now: instant,
      input: { name, bytes: ok, sources: 2 },
      ...{ ok, skipped, failed, stalled, notRun },
      total: ok + skipped + failed + stalled + notRun,
      perWorker: [{ worker, chunks: 1, items: 3, failed: 1, busyMs: 7 }],
    });
  });

/** Names that the page itself uses; data must add none. */
const KNOWN = new Set(
  names.flatMap((name) => tagsOf(pageOf(name))).map((tag) => tag.split(' ')[0]),
);

test('no text from a report becomes markup, and the same report gives the same bytes', () => {
  fc.assert(
    fc.property(hostileReport, hostile, (report, example) => {
      const page = renderReportHtml(report, { example });
      const strangers = tagsOf(page).filter(
        (tag) => !KNOWN.has(tag.split(' ')[0]) && !tag.startsWith('aside'),
      );
      expect(strangers).toEqual([]);
      expect(page).not.toMatch(/\son\w+="/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
      expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]|\p{Cs}/u);
      expect(renderReportHtml(structuredClone(report), { example })).toBe(page);
    }),
    { numRuns: 60 },
  );
});

test('a stored report cannot pass an object off as markup', () => {
  const forged = JSON.parse('{"markup":"<b>","Symbol(markup)":"<b>","html":"<b>"}') as string;
  expect(toText(html`<p>${forged}</p>`)).toBe('<p>[object Object]</p>');
  expect(toText(html`<p>${html`<b>${'<b>'}</b>`}</p>`)).toBe('<p><b>&lt;b&gt;</b></p>');
});

test.each([['"'], ['\u0085'], ['漢'], ['😀'], ['\ud83d']])(
  'below 150 KB with every list and text at its limit, all of %j',
  (char) => {
    const quotes = char.repeat(5000);
    const page = renderReportHtml(
      usual({
        digests: { input: quotes, job: quotes, outcomes: quotes, manifest: quotes },
        job: quotes,
        batch: quotes,
        reason: quotes,
        perWorker: workers(1000, 1e9).map((row) => ({ ...row, worker: quotes })),
        failures: Array.from({ length: 500 }, () => ({
          code: quotes,
          kind: 'permanent' as const,
          items: 1e9,
          examples: Array.from({ length: 10 }, () => ({
            index: 1e9,
            key: quotes,
            message: quotes,
          })),
        })),
        options: Object.fromEntries(
          Array.from({ length: 200 }, (_, i) => [`${quotes}${i}`, quotes]),
        ),
      }),
      { example: quotes },
    );
    expect(Buffer.byteLength(page)).toBeLessThan(150_000);
  },
);

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

test.each(Object.entries(PALETTES))(
  '%s: text reaches 4.5:1 on the page, the panel and the bars',
  (_, palette) => {
    const outcomes = [palette.ok, palette.skipped, palette.failed, palette.stalled, palette.notRun];
    const pairs = [
      ...[palette.ink, palette.mute, palette.accent, ...outcomes].map(
        (text) => [text, palette.page] as const,
      ),
      ...[palette.ink, palette.mute].map((text) => [text, palette.panel] as const),
      ...outcomes.map((fill) => [palette.onFill, fill] as const),
    ];
    expect(pairs.filter(([a, b]) => contrast(a, b) < 4.5)).toEqual([]);
  },
);

const round = (n: number, change: object = {}): NonNullable<Report['rounds']>[number] => ({
  ...{ round: n, status: 'done', total: 40, ok: 30, skipped: 4, failed: 5, stalled: 1, notRun: 0 },
  ...{ startedAt: '2026-08-22T06:45:47.120Z', finishedAt: '2026-08-22T06:46:00.000Z' },
  digests: { input: `i${n}`, job: `job${n}`, outcomes: `outcomes${n}`, manifest: `m${n}` },
  ...change,
});

test('every round is shown with its counts and digests, and what was asked of it', () => {
  expect(pageOf('usual')).not.toContain('id="rounds"');
  const choice = { codes: ['A<b>'], keys: 3, first: 7, stalled: true };
  const rounds = [round(0, { total: 100_000 }), round(1, { choice })];
  const page = renderReportHtml(usual({ round: 1, rounds, resolved: 34 }), {});
  for (const text of ['id="rounds"', 'outcomes0', 'outcomes1', 'job0', 'with other code']) {
    expect(page).toContain(text);
  }
  expect(page).toContain('codes A&lt;b&gt;, 3 keys, the first 7, stalled items too');
  expect(page).toContain('Round 1 ran 40 items once more in');
  expect(page).toContain('retries resolved 34 failures so far');
});

test('a hundred rounds are cut to the first and the newest, and the page stays small', () => {
  const rounds = Array.from({ length: 100 }, (_, n) => round(n));
  const page = renderReportHtml(usual({ round: 99, rounds, resolved: 1 }), {});
  expect(page).toContain('80 rounds between are in report.json');
  expect(page).toContain('outcomes0<');
  expect(page).not.toContain('outcomes80<');
  expect(page).toContain('outcomes81<');
  expect(Buffer.byteLength(page)).toBeLessThan(150_000);
});
