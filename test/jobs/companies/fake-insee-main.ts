/**
 * The fake server's door: `npm run fake:insee -- --companies 300 --calls 50 --per 2 --write register`. It writes an
 * input that fits it, and says what was asked, and every call that it refused.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDoor } from '../../support/fake-flags.ts';
import { type Answered, json, text } from './fake-gateway.ts';
import { KEY, startFakeInsee } from './fake-insee.ts';
import { sirenAt } from './fake-register.ts';

/** What it can be told to answer after `--after` calls. */
const FAULTS: Readonly<Record<string, () => Answered>> = {
  '401': () => json(401, { message: 'Unauthorized', http_status_code: 401 }),
  '403': () => json(403, { message: 'Forbidden', http_status_code: 403 }),
  '500': () => text(500, 'Internal Server Error'),
  '503': () => text(503, 'Service Unavailable'),
  html: () => text(200, '<html><body>Maintenance</body></html>'),
};

const door = {
  script: 'fake:insee',
  about: "A strict fake of INSEE's register on the loopback.",
  flags: {
    companies: {
      about: 'companies of the input that --write writes',
      value: 300,
      min: 1,
      max: 800_000,
    },
    calls: { about: 'calls that its quota allows in any --per', value: 30, min: 1, max: 1_000_000 },
    per: { about: 'length of that window, seconds', value: 60, min: 1, max: 86_400 },
    port: { about: 'port; 0 for any', value: 9733, min: 0, max: 65_535 },
    latency: { about: 'ms until it answers', value: 50, min: 0, max: 600_000 },
    page: { about: 'companies of a page', value: 1000, min: 1, max: 1000 },
    fail: {
      about: 'what it answers after --after calls; wso2: its 429 as the older gateway says it',
      value: 'no',
      oneOf: ['no', 'wso2', ...Object.keys(FAULTS)],
    },
    after: { about: 'calls before it fails', value: 0, min: 0, max: 1_000_000 },
    write: { about: 'folder for an input that fits it' },
  },
};

await openDoor(door, async ({ companies, calls, per, port, latency, page, fail, after, write }) => {
  const server = await startFakeInsee({
    ...{ calls, windowMs: per * 1000, port, latencyMs: latency, pageSize: page },
    refusal: fail === 'wso2' ? 'wso2' : 'gravitee',
    fault: (_, call) => (call > after ? FAULTS[fail]?.() : undefined),
    onRefused: ({ refused, most }) => console.log(`429: ${refused} so far, ${most} in a window`),
  });
  console.log(`Sirene API at ${server.url}; counts at ${new URL('/stats', server.url)}`);
  console.log(`its key: ${KEY}`);
  if (write !== undefined) {
    mkdirSync(write, { recursive: true });
    const file = join(write, 'companies.csv');
    const lines = Array.from({ length: companies }, (_, at) => `${sirenAt(at)}\n`);
    writeFileSync(file, `siren\n${lines.join('')}`);
    console.log(`${companies} companies in ${file}`);
  }
  process.once('SIGINT', () => {
    const { calls: all, refused, most, companies: given } = server.stats();
    console.log(`\n${all} calls, ${given} companies, ${refused} refused, ${most} in a window`);
    void server.close();
  });
});
