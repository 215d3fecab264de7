import { readFileSync } from 'node:fs';
import { findRecipe } from '../../../lib/jobs/recipes/extract.ts';
import { ADDRESS, cake, jsonLdPage, microdataPage, rdfaPage } from '../../jobs/recipes/pages.ts';
import type { Figures } from '../child.ts';

interface Spec {
  kind: string;
  n: number;
  files: readonly string[];
}

/** Around a recipe a page has 60 KB of other things. */
const AROUND =
  '<div class="a b"><p>Some <a href="/x">words</a> and <img src="/y.jpg" alt="z"></p></div>\n'.repeat(
    650,
  );
const inside = (page: string): string => page.replace('<body', `<body>${AROUND}</body><body`);

const OWN: Readonly<Record<string, string>> = {
  'json-ld': inside(jsonLdPage(cake)),
  microdata: inside(microdataPage),
  rdfa: inside(rdfaPage),
  none: `<html><body>${AROUND}</body></html>`,
};

/** Reads pages in a loop; what is measured is the CPU time of this process's loop alone. */
export async function recipesTask({ kind, n, files }: Spec): Promise<Figures> {
  const own = OWN[kind];
  const pages = own === undefined ? files.map((file) => readFileSync(file, 'utf8')) : [own];
  const address = new URL(ADDRESS);
  let bytes = 0;
  let recipes = 0;
  const from = process.cpuUsage();
  for (let at = 0; at < n; at++) {
    const page = pages[at % pages.length] as string;
    bytes += page.length;
    if (findRecipe(page, address) !== undefined) recipes += 1;
  }
  const { user, system } = process.cpuUsage(from);
  const cpuS = (user + system) / 1e6;
  return { perCpuS: n / cpuS, mbPerCpuS: bytes / 1e6 / cpuS, kb: bytes / 1e3 / n, recipes };
}
