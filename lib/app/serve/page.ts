import { createHash } from 'node:crypto';

/** Reads the events and writes text nodes: no value ever becomes markup. */
const SCRIPT = `
const get = (id) => document.getElementById(id);
const number = (n) => n.toLocaleString('en').replaceAll(',', '\\u202f');
const share = (n) => n === null ? '\\u2013' : (n === 1 ? '100' : (Math.floor(n * 1000) / 10).toFixed(1)) + ' %';
const three = (n) => n >= 100 ? number(Math.round(n)) : String(Number(n.toPrecision(3)));
const rate = (n) => n === null ? '\\u2013' : n >= 1 ? three(n) + '/s' : n * 60 >= 1 ? three(n * 60) + '/min' : three(n * 3600) + '/h';
const time = (ms) => {
  if (ms === null) return '\\u2013';
  if (ms < 1000) return three(ms) + ' ms';
  const s = Math.round(ms / 1000);
  if (s < 60) return three(ms / 1000) + ' s';
  const m = Math.floor(s / 60);
  if (m < 60) return m + ' min ' + (s % 60) + ' s';
  const h = Math.floor(m / 60);
  return h < 24 ? h + ' h ' + (m % 60) + ' min' : Math.floor(h / 24) + ' d ' + (h % 24) + ' h';
};
const cell = (row, text, name) => {
  const td = row.insertCell();
  td.textContent = text;
  if (name) td.className = name;
  return td;
};
const act = async (id, what) => {
  const answer = await fetch('/api/batches/' + encodeURIComponent(id) + '/' + what, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}',
  });
  const body = await answer.json();
  get('said').textContent = answer.ok ? what + ': ' + id : body.error.message + (body.error.hint ? ' ' + body.error.hint : '');
};
const button = (td, id, what) => {
  const b = document.createElement('button');
  b.textContent = what;
  b.addEventListener('click', () => act(id, what).catch((e) => { get('said').textContent = String(e); }));
  td.append(b);
};
const ACTIONS = { running: ['pause', 'cancel'], waiting: ['pause', 'cancel'], starting: ['pause', 'cancel'], paused: ['resume', 'cancel'], interrupted: ['resume', 'cancel'] };
const openRow = (body, b) => {
  const row = body.insertRow();
  cell(row, b.batch, 'id');
  cell(row, b.position === null ? b.status : b.status + ', ' + (b.position + 1) + '.');
  const amount = cell(row, number(b.doneItems) + (b.totalItems === null ? ' so far' : ' / ' + number(b.totalItems)), 'n');
  if (b.totalItems) {
    const meter = document.createElement('progress');
    meter.max = b.totalItems;
    meter.value = b.doneItems;
    amount.append(meter);
  }
  cell(row, rate(b.throughput), 'n');
  cell(row, share(b.utilisation), 'n');
  cell(row, number(b.queueDepth), 'n');
  cell(row, time(b.medianMs), 'n');
  cell(row, share(b.successRate), 'n');
  cell(row, time(b.etaMs), 'n');
  const td = cell(row, '');
  for (const what of ACTIONS[b.status] ?? []) button(td, b.batch, what);
  const why = b.fault ? b.fault.message : b.reason;
  if (why) cell(body.insertRow(), why, 'why').colSpan = 10;
};
const endedRow = (body, b) => {
  const row = body.insertRow();
  const link = document.createElement('a');
  link.href = '/batches/' + encodeURIComponent(b.id) + '/report';
  link.textContent = b.id;
  cell(row, '', 'id').append(link);
  cell(row, b.status);
  cell(row, number(b.doneItems), 'n');
  cell(row, number(b.failed), 'n');
  const td = cell(row, '');
  if (b.failed > 0) button(td, b.id, 'retry');
};
const FIGURES = [['throughput', rate], ['utilisation', share], ['queueDepth', number], ['medianMs', time], ['successRate', share], ['etaMs', time]];
const fill = (body, rows, draw, none) => {
  body.replaceChildren();
  for (const one of rows) draw(body, one);
  if (rows.length === 0) cell(body.insertRow(), none, 'why').colSpan = 10;
};
const show = (s) => {
  for (const [name, words] of FIGURES) get(name).textContent = words(s[name]);
  get('places').textContent = s.running + ' of ' + s.limits.running + ' running, ' + s.waiting + ' of ' + s.limits.waiting + ' waiting';
  get('at').textContent = s.home + ', ' + s.at;
  // A table that is drawn anew under the pointer would swallow the click.
  if (!document.querySelector('button:active')) {
    fill(get('open'), s.batches, openRow, 'No batch is open.');
    fill(get('ended'), s.ended, endedRow, 'None has ended yet.');
  }
};
const events = new EventSource('/api/events');
events.addEventListener('status', (e) => { show(JSON.parse(e.data)); get('live').textContent = 'live'; });
events.onerror = () => { get('live').textContent = 'not connected'; };
`;

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 76rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; }
small, .why { opacity: .75; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: 1rem; margin: 1.5rem 0; }
dl div { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem; padding: .6rem .8rem; }
dt { font-size: .8rem; opacity: .75; } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; } .id { font-family: ui-monospace, monospace; }
.why { white-space: normal; } progress { display: block; width: 100%; height: .4rem; }
button { font: inherit; margin-right: .4rem; }
`;

const box = (id: string, label: string): string =>
  `<div><dt>${label}</dt><dd id="${id}">–</dd></div>`;

/** The page at `/`: a constant, filled by the live events. */
export const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sluice</title><style>${STYLE}</style></head><body>
<header><h1>Sluice</h1><span id="places"></span><small><span id="live" role="status">connecting</span> <span id="at"></span></small></header>
<dl>${[
  box('throughput', 'Throughput'),
  box('utilisation', 'Slots busy'),
  box('queueDepth', 'Chunks waiting'),
  box('medianMs', 'Median of an item'),
  box('successRate', 'Good'),
  box('etaMs', 'ETA'),
].join('')}</dl>
<p id="said" role="status"></p>
<h2>Open</h2><div class="scroll"><table><thead><tr><th>Batch<th>Status<th class="n">Items<th class="n">Rate<th class="n">Busy<th class="n">Queue<th class="n">Median<th class="n">Good<th class="n">ETA<th></tr></thead><tbody id="open"></tbody></table></div>
<h2>Ended</h2><div class="scroll"><table><thead><tr><th>Batch<th>Status<th class="n">Items<th class="n">Failed<th></tr></thead><tbody id="ended"></tbody></table></div>
<script>${SCRIPT}</script></body></html>
`;

const digest = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Only this very script and style run; nothing is loaded from anywhere else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${digest(SCRIPT)}`,
  `style-src ${digest(STYLE)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Of a report, which has no script and brings its own style. */
export const REPORT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
