/**
 * The fake server's door: `npm run fake:cass -- --agents 200 --write class`. It writes the input and the
 * framework that fit it, and says how many calls were open at once.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDoor } from '../../support/fake-flags.ts';
import { startFakeCass } from './fake-cass.ts';
import { assertionsOf, sampleAgents } from './sample-agents.ts';

const door = {
  script: 'fake:cass',
  about: 'A fake of the CaSS API on the loopback.',
  flags: {
    agents: { about: 'people who have assertions', value: 200, min: 0, max: 100_000 },
    port: { about: 'port; 0 for any', value: 9722, min: 0, max: 65_535 },
    latency: { about: 'ms until it answers', value: 20, min: 0, max: 60_000 },
    write: { about: 'folder for an input and a framework that fit it' },
  },
};

await openDoor(door, async ({ agents, port, latency, write }) => {
  const sample = sampleAgents(agents, `http://127.0.0.1:${port}/api`);
  const server = await startFakeCass({
    assertions: assertionsOf(sample),
    port,
    latencyMs: latency,
    onPeak: (peak) => console.log(`open at once: ${peak}`),
  });
  console.log(`CaSS API at ${server.url}; counts at ${new URL('/stats', server.url)}`);
  if (write !== undefined) {
    mkdirSync(write, { recursive: true });
    const lines = sample.agents.map(({ agent }) => `${JSON.stringify(agent)}\n`).join('');
    writeFileSync(join(write, 'agents.jsonl'), lines);
    writeFileSync(join(write, 'framework.json'), JSON.stringify(sample.framework));
    console.log(`${sample.agents.length} ids in ${join(write, 'agents.jsonl')}`);
    console.log(`framework in ${join(write, 'framework.json')}`);
  }
  process.once('SIGINT', () => {
    const { calls, peak } = server.stats();
    console.log(`\n${calls} calls, at most ${peak} open at once`);
    void server.close();
  });
});
