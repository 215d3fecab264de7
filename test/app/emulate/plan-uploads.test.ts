import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { planEmulated } from '../../../lib/app/emulate/plan-uploads.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, text = '1\n'): string => {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
};

const [one, two, other] = [write('in/a.ndjson'), write('in/deep/b.ndjson'), write('c.ndjson')];
const twin = write('twin/a.ndjson');

describe('what `sluice emulate run` uploads', () => {
  it('is a batch for each file: of folders, patterns and names, in the order given', async () => {
    const found = await planEmulated([other, join(folder, 'in')]);
    expect(found).toEqual([
      { file: other, name: 'c.ndjson' },
      { file: one, name: 'a.ndjson' },
      { file: two, name: 'b.ndjson' },
    ]);
    expect(await planEmulated([join(folder, 'in', '**', '*.ndjson')])).toEqual(found.slice(1));
  });

  it('is one batch of a manifest, whose files go below data/ under names that never meet', async () => {
    const lines = '{"path":"twin/a.ndjson","size":2}\nin/a.ndjson\n';
    const manifest = write('day.manifest.jsonl', lines);
    const name = 'day.manifest.jsonl';
    const objects = [
      { file: twin, key: `data/${name}/1-a.ndjson` },
      { file: one, key: `data/${name}/2-a.ndjson` },
    ];
    expect(await planEmulated([manifest])).toEqual([{ file: manifest, name, objects }]);
  });

  it('is refused before anything is synthesised', async () => {
    const short = write('short.manifest.jsonl', '{"path":"c.ndjson","size":3}\n');
    mkdirSync(join(folder, 'empty'));
    const refused: [string[], string][] = [
      [[join(folder, 'none.csv')], 'There is no file'],
      [[join(folder, '*.nothing')], 'No file matches the pattern'],
      [[join(folder, 'empty')], 'is a folder without files'],
      [['-'], 'standard input (-) is none'],
      [[one, twin], 'would be one object, a.ndjson'],
      [[short], 'c.ndjson has 2 bytes; the manifest says 3'],
      [['s3://bucket/data/'], 'is in S3'],
    ];
    for (const [inputs, message] of refused) {
      await expect(planEmulated(inputs)).rejects.toThrow(message);
    }
  });
});
