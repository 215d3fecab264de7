/**
 * The fake server's door: `npm run fake:cass -- --agents 200 --write class`. It writes the input and the
 * framework that fit it, and says how many calls were open at once.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startFakeCass } from './fake-cass.ts';
import { assertionsOf, sampleAgents } from './sample-agents.ts';

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '200' },
    port: { type: 'string', default: '9722' },
    latency: { type: 'string', default: '20' },
    write: { type: 'string' },
  },
});

function whole(name: 'agents' | 'port' | 'latency', max: number): number {
  const value = Number(values[name]);
  if (values[name] !== '' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new Error(`--${name} must be a whole number from 0 to ${max}; got '${values[name]}'.`);
}

async function main(): Promise<void> {
  const port = whole('port', 65_535);
  const sample = sampleAgents(whole('agents', 100_000), `http://127.0.0.1:${port}/api`);
  const server = await startFakeCass({
    assertions: assertionsOf(sample),
    port,
    latencyMs: whole('latency', 60_000),
    onPeak: (peak) => console.log(`open at once: ${peak}`),
  });
  console.log(`CaSS API at ${server.url}; counts at ${new URL('/stats', server.url)}`);
  if (values.write !== undefined) {
    mkdirSync(values.write, { recursive: true });
    const lines = sample.agents.map(({ agent }) => `${JSON.stringify(agent)}\n`).join('');
    writeFileSync(join(values.write, 'agents.jsonl'), lines);
    writeFileSync(join(values.write, 'framework.json'), JSON.stringify(sample.framework));
    console.log(`${sample.agents.length} ids in ${join(values.write, 'agents.jsonl')}`);
    console.log(`framework in ${join(values.write, 'framework.json')}`);
  }
  process.once('SIGINT', () => {
    const { calls, peak } = server.stats();
    console.log(`\n${calls} calls, at most ${peak} open at once`);
    void server.close();
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
