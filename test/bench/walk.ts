import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, batchVariant, type Variant } from './support.ts';
import { against, count, perWallSecond, row } from './table.ts';

const JOB = `import { defineJob, each, files, ok } from 'sluice';
export default defineJob({ name: 'walk', input: files() }, each({ name: 'none', process: () => ok(null) }));
`;
const PEAK_MB = 220;
/** Files of one item of the discovering stage. */
const ITEM_FILES = 1000;

/** Empty files, `each` of them in a folder; as many inodes as there are files. */
function makeTree(root: string, files: number, each: number): void {
  for (let folder = 0; folder * each < files; folder += 1) {
    const below = join(root, `folder ${String(folder).padStart(7, '0')}`);
    mkdirSync(below, { recursive: true });
    for (let at = folder * each; at < Math.min(files, (folder + 1) * each); at += 1) {
      closeSync(openSync(join(below, `track ${at} of an album.mp3`), 'w'));
    }
  }
}

export const walkBench: Bench = {
  name: 'walk',
  about: 'files() over many files, a no-op stage behind it (wanted: peak < 220 MB)',
  async run({ options, scratch, size, measure, table, say }) {
    const entries = size(options.items, 1_000_000, 20_000);
    const job = join(scratch.folder, 'walk.mjs');
    writeFileSync(job, JOB);
    const trees = [
      { name: 'a thousand in a folder', each: 1000, files: entries },
      { name: 'all in one folder', each: entries, files: entries },
      { name: 'one in a folder', each: 1, files: Math.floor(entries / 2) },
    ];
    for (const { name, each, files } of trees) {
      const input = join(scratch.folder, 'tree');
      makeTree(input, files, each);
      // One item more, without files, behind a folder of so many entries.
      const more = Math.max(each, files / each) >= 100_000 ? 1 : 0;
      const items = Math.ceil(files / ITEM_FILES) + files + more;
      const spec = { job, input, parallel: 'off' as const, items };
      const plain: Variant = {
        name: 'plain',
        n: files,
        task: 'plain-walk',
        spec: { folder: input },
      };
      const rows = await measure([batchVariant(scratch, { name, spec }), plain], 1);
      rmSync(input, { recursive: true });
      table(rows, [perWallSecond]);
      const own = row(rows, name);
      say(`${name}, peak in MB: ${against(own.rssMb, '<', PEAK_MB, 0)}`);
      say(`${name}, times the plain walk: ${count(own.wallS / row(rows, 'plain').wallS, 2)}`);
    }
  },
};
