import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cloudWorld } from '../../support/cloud-world.ts';
import { countRequests, type RequestCount } from '../../support/count-requests.ts';

const JOB = `import * as z from 'zod';
import { csv, defineJob, ok } from 'sluice';
export default defineJob({
  name: 'rows',
  input: csv(z.object({ id: z.string(), n: z.string().regex(/^[0-9]+$/, 'not a number') })),
  key: (row) => row.id,
  process: (row) => ok(row.n),
});
`;

type World = Awaited<ReturnType<typeof cloudWorld>>;
export interface CloudWorld extends World {
  /** Requests of the functions to S3. */
  requests: RequestCount;
}

export async function startWorld(): Promise<CloudWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-manifest-'));
  writeFileSync(join(folder, 'rows.ts'), JOB);
  const world = await cloudWorld({ jobs: { rows: join(folder, 'rows.ts') }, lifeMs: 600_000 });
  const { close } = world;
  const requests = countRequests(world.cloud.s3);
  return Object.assign(world, {
    requests,
    async close() {
      requests.stop();
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}
