import { describe, expect, it } from 'vitest';
import { bundledJob } from '../support/bundled-job.ts';

/** How files of Parquet begin and end, as the decoder knows it. */
const DECODES = 'parquet file invalid';
const IMPORTS = /(?:from|import\(?)\s*"hyparquet/;

const job = (reader: string, rest = ''): string =>
  `import { defineJob, ok, ${reader} } from 'sluice';
   ${rest}
   export default defineJob({ name: 'any', input: ${reader}(), process: () => ok(null) });`;

describe("a job's file", () => {
  it.each([
    ['has no decoder of Parquet for another reader', job('ndjson'), false],
    ['has it with the reader', job('parquet'), true],
    [
      'has it where the job imports it itself',
      job('ndjson', "export { parquetMetadata } from 'hyparquet';"),
      true,
    ],
    [
      'has it where the job imports a file of it',
      job('ndjson', "export { parquetMetadata } from 'hyparquet/src/metadata.js';"),
      true,
    ],
  ])('%s', async (_, source, decodes) => {
    const text = await bundledJob(source);
    expect(text.includes(DECODES)).toBe(decodes);
    expect(text).not.toMatch(IMPORTS);
  });
});
