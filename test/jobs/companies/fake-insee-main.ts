/**
 * The fake server's door: `npm run fake:insee -- --companies 300 --calls 50 --per 2 --write register`. It writes an
 * input that fits it, and says what was asked, and every call that it refused.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Answered, json, text } from './fake-gateway.ts';
import { KEY, startFakeInsee } from './fake-insee.ts';
import { sirenAt } from './fake-register.ts';

const { values } = parseArgs({
  options: {
    companies: { type: 'string', default: '300' },
    calls: { type: 'string', default: '30' },
    per: { type: 'string', default: '60' },
    port: { type: 'string', default: '9733' },
    latency: { type: 'string', default: '50' },
    page: { type: 'string', default: '1000' },
    fail: { type: 'string', default: 'no' },
    after: { type: 'string', default: '0' },
    write: { type: 'string' },
  },
});

type Numbers = 'companies' | 'calls' | 'per' | 'port' | 'latency' | 'page' | 'after';

function whole(name: Numbers, max: number, min = 0): number {
  const value = Number(values[name]);
  if (values[name] !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`--${name} must be a whole number from ${min} to ${max}; got '${values[name]}'.`);
}

/** What it can be told to answer after `--after` calls. */
const FAULTS: Readonly<Record<string, () => Answered>> = {
  '401': () => json(401, { message: 'Unauthorized', http_status_code: 401 }),
  '403': () => json(403, { message: 'Forbidden', http_status_code: 403 }),
  '500': () => text(500, 'Internal Server Error'),
  '503': () => text(503, 'Service Unavailable'),
  html: () => text(200, '<html><body>Maintenance</body></html>'),
};

async function main(): Promise<void> {
  const { fail } = values;
  if (fail !== 'no' && fail !== 'wso2' && FAULTS[fail] === undefined) {
    throw new Error(`--fail must be no, wso2, ${Object.keys(FAULTS).join(', ')}; got '${fail}'.`);
  }
  const after = whole('after', 1_000_000);
  const companies = whole('companies', 800_000, 1);
  const server = await startFakeInsee({
    calls: whole('calls', 1_000_000, 1),
    windowMs: whole('per', 86_400, 1) * 1000,
    port: whole('port', 65_535),
    latencyMs: whole('latency', 600_000),
    pageSize: whole('page', 1000, 1),
    refusal: fail === 'wso2' ? 'wso2' : 'gravitee',
    fault: (_, call) => (call > after ? FAULTS[fail]?.() : undefined),
    onRefused: ({ refused, most }) => console.log(`429: ${refused} so far, ${most} in a window`),
  });
  console.log(`Sirene API at ${server.url}; counts at ${new URL('/stats', server.url)}`);
  console.log(`its key: ${KEY}`);
  if (values.write !== undefined) {
    mkdirSync(values.write, { recursive: true });
    const file = join(values.write, 'companies.csv');
    const lines = Array.from({ length: companies }, (_, at) => `${sirenAt(at)}\n`);
    writeFileSync(file, `siren\n${lines.join('')}`);
    console.log(`${companies} companies in ${file}`);
  }
  process.once('SIGINT', () => {
    const { calls, refused, most, companies: given } = server.stats();
    console.log(`\n${calls} calls, ${given} companies, ${refused} refused, ${most} in a window`);
    void server.close();
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
