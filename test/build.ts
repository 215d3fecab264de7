import { buildAll } from '../build.mjs';

/** Threads and the CLI are tested as built: a stale dist/ would test yesterday's code. */
export default async function setup(): Promise<void> {
  await buildAll();
}
