import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './support.ts';
import { figure } from './table.ts';

const DATA = process.env['SLUICE_DATA'] ?? '../shared/data';

export const recipesBench: Bench = {
  name: 'recipes',
  about: 'pages to recipes, one process, one thread: pages and MB per CPU-second',
  async run({ options, size, measure, table, say }) {
    const n = size(options.items, 20_000, 500);
    const folder = join(DATA, 'recipes/recipe-scrapers');
    const files = realPages(folder);
    const kinds = ['json-ld', 'microdata', 'rdfa', 'none', ...(files.length === 0 ? [] : ['real'])];
    if (files.length === 0) say(`no real pages in ${folder}`);
    else say(`${files.length} real pages`);
    const rows = await measure(
      kinds.map((kind) => ({ name: kind, n, task: 'recipes', spec: { kind, n, files } })),
    );
    table(rows, [
      figure('pages/CPU-s', 'perCpuS'),
      figure('MB/CPU-s', 'mbPerCpuS', 1),
      figure('KB a page', 'kb', 1),
      figure('recipes', 'recipes'),
    ]);
  },
};

function realPages(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.testhtml'))
      .sort()
      .slice(0, 500)
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
