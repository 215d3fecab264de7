/**
 * Two palettes, one set of names. test/core/report-html checks that text pairs reach 4.5:1 and that
 * marks reach 3:1 on the page in both.
 */
export const PALETTES = {
  light: {
    page: '#ffffff',
    panel: '#f5f7f9',
    ink: '#16202b',
    mute: '#54606d',
    line: '#dce2e8',
    track: '#e6ebf0',
    accent: '#1c6a86',
    ok: '#2b7a4b',
    skipped: '#3d6a9a',
    failed: '#b5352a',
    stalled: '#96600a',
    notRun: '#697180',
    onFill: '#ffffff',
  },
  dark: {
    page: '#11161c',
    panel: '#191f27',
    ink: '#e5eaf0',
    mute: '#9ba7b5',
    line: '#2b343f',
    track: '#242d37',
    accent: '#63b4d1',
    ok: '#63c18b',
    skipped: '#86aee0',
    failed: '#f28072',
    stalled: '#e2a848',
    notRun: '#8f97a5',
    onFill: '#0d1117',
  },
} as const;

const variables = (palette: Readonly<Record<string, string>>): string =>
  Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');

const tones = ['accent', 'ok', 'skipped', 'failed', 'stalled', 'notRun'];

const BASE = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.wrap{max-width:68rem;margin:0 auto;padding:0 1.5rem}
a{color:var(--accent)}
h1,h2,h3,p,dl,dd,figure,pre,ul,table{margin:0;padding:0}
code,pre,.mono{font-family:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.875em}
.sr{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.i{width:1em;height:1em;flex:none;vertical-align:-.12em}
.mute{color:var(--mute)}
.note{background:var(--panel);border-bottom:1px solid var(--line);color:var(--mute);font-size:.875rem;padding:.5rem 0}`;

const HEADER = `
header{padding:2.25rem 0 1.5rem}
.over{font-size:.75rem;letter-spacing:.08em;text-transform:uppercase;color:var(--mute);font-weight:600}
.title{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;align-items:center;margin:.125rem 0 .75rem}
h1{font-size:2rem;line-height:1.2;font-weight:650;letter-spacing:-.015em}
.badge{display:inline-flex;align-items:center;gap:.45em;font-weight:600;font-size:.9375rem;line-height:1.3;padding:.25rem .75rem .25rem .6rem;border:1.5px solid currentColor;border-radius:99px}
.lede{font-size:1.125rem;line-height:1.45;max-width:46rem}
.reason{margin-top:1rem;padding:.625rem .875rem;background:var(--panel);border-left:3px solid currentColor;max-width:46rem}
.reason span{color:var(--ink)}
.facts{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin-top:1rem;font-size:.875rem;color:var(--mute)}
.facts div{display:flex;gap:.4em;align-items:baseline}.facts dt{flex:none}.facts dd{color:var(--ink);min-width:0}`;

const SECTIONS = `
.key{display:grid;grid-template-columns:repeat(6,1fr);gap:1px;background:var(--line);border:1px solid var(--line);border-radius:6px;overflow:hidden}
.key div{background:var(--page);padding:.75rem 1rem}
.key dt{font-size:.8125rem;color:var(--mute)}
.key dd{font-size:1.3125rem;line-height:1.3;font-weight:600;letter-spacing:-.01em}
.key small{display:block;font-size:.8125rem;line-height:1.35;font-weight:400;color:var(--mute);letter-spacing:0}
section{padding-top:2.25rem}
h2{font-size:1.1875rem;line-height:1.3;font-weight:650;letter-spacing:-.005em;margin-bottom:.25rem}
h2+p{margin-bottom:.875rem}
h3{font-size:.9375rem;font-weight:600;margin-bottom:.25rem}
.two{display:grid;grid-template-columns:1fr 1fr;gap:0 2.5rem}
.two>section{display:grid;grid-template-columns:minmax(0,1fr);grid-template-rows:subgrid;grid-row:span 4;align-content:start}
.two>section>p{margin-bottom:0}
footer{margin:2.75rem 0 2rem;padding-top:.875rem;border-top:1px solid var(--line);font-size:.8125rem;color:var(--mute)}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.625rem .875rem;margin:.375rem 0 .75rem;white-space:pre-wrap}pre code{font-size:1em}
.hash{display:grid;align-items:baseline;grid-template-columns:max-content 1fr;gap:.375rem 1.25rem;font-size:.9375rem}
.hash dt{color:var(--mute)}`;

const TABLES = `
.scroll{overflow-x:auto;position:relative}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
th,td{text-align:left;vertical-align:baseline;padding:.4375rem 1rem .4375rem 0;border-bottom:1px solid var(--line);font-weight:400}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:.8125rem;color:var(--mute);border-bottom-color:var(--mute);white-space:nowrap;vertical-align:bottom}
.n{text-align:right;white-space:nowrap}
.n+.wide{padding-left:1.5rem}
.zero>*{color:var(--mute)}
.w{width:34%;min-width:5rem;vertical-align:middle}
.total>*{font-weight:600;border-bottom:0}
.name{white-space:nowrap}.name .i{margin-right:.5em}
.share{display:block;width:100%;height:8px}
.ex{list-style:none;font-size:.875rem;padding:.125rem 0 .25rem}
.ex li{display:grid;grid-template-columns:minmax(7rem,15rem) 1fr;gap:0 1rem;padding:.0625rem 0}
.ex .who{color:var(--mute)}.ex b{font-weight:600;color:var(--ink)}
tr.g>*{border-bottom:0;padding-bottom:.125rem}
tr.e>td{padding-top:0}
details{margin-top:.5rem;font-size:.875rem}
details table{font-size:.875rem}
summary{cursor:pointer;color:var(--accent);width:max-content;max-width:100%;padding:.125rem 0}`;

const CHARTS = `
.bar{display:block;width:100%;height:30px;border-radius:5px;margin:.5rem 0 .75rem}
.bar text{font-size:13px;font-weight:600;fill:var(--onFill)}
.chart{display:block;width:100%;height:216px;overflow:visible;margin-top:.375rem}
.chart text{font-size:12px;fill:var(--mute)}
.chart .v{fill:var(--ink);font-weight:600}
.grid{stroke:var(--line);stroke-width:1}
.axis{stroke:var(--mute);stroke-width:1}
.mark{stroke:var(--ink);stroke-width:1;stroke-dasharray:2 3}
.track{fill:var(--track)}
.gap{stroke:var(--page);stroke-width:2}
.none{padding:1.25rem;background:var(--panel);border-radius:6px;color:var(--mute)}`;

const NARROW = `
@media(max-width:60rem){.key{grid-template-columns:repeat(3,1fr)}}
@media(max-width:47.99rem){.two{grid-template-columns:1fr}}
@media(max-width:34rem){.wrap{padding:0 1rem}header{padding-top:1.5rem}h1{font-size:1.625rem}.lede{font-size:1.0625rem}.key{grid-template-columns:1fr 1fr}.key div{padding:.625rem .75rem}.hash{grid-template-columns:1fr;gap:0}.hash dd{margin-bottom:.625rem}.ex li{grid-template-columns:1fr}.ex li+li{margin-top:.375rem}.wide{display:none}th,td{padding-right:.75rem}.n:has(+.wide:last-child){padding-right:0}.gap{stroke-width:1}.facts{display:grid;gap:.25rem}.bar .small{display:none}}
@media print{:root{%LIGHT%}body{font-size:10.5pt}.wrap{max-width:none;padding:0}header{padding-top:0}section{padding-top:1.25rem}table,figure,.key,pre,tr{break-inside:avoid}h2,thead{break-after:avoid}.scroll{overflow:visible}summary{display:none}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}`;

const fills = tones
  .map((tone) => `.f-${tone}{fill:var(--${tone})}.c-${tone}{color:var(--${tone})}`)
  .join('');

/** The whole style sheet: no font, image or file from elsewhere. */
export const STYLE = [
  `:root{color-scheme:light dark;${variables(PALETTES.light)}}`,
  `@media(prefers-color-scheme:dark){:root{${variables(PALETTES.dark)}}}`,
  BASE,
  HEADER,
  SECTIONS,
  TABLES,
  CHARTS,
  fills,
  NARROW.replace('%LIGHT%', variables(PALETTES.light)),
].join('\n');
