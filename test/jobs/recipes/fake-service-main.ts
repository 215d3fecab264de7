/**
 * The fake service's door: `npm run fake:recipes -- --speed 60 --write pages.jsonl`. Work takes 3 to 8 minutes, of
 * which `--speed` go by in one; `--crash` seconds apart the whole service crashes.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startFakeService } from './fake-service.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '9733' },
    speed: { type: 'string', default: '1' },
    slots: { type: 'string', default: '20' },
    pages: { type: 'string', default: '100' },
    crash: { type: 'string', default: '0' },
    write: { type: 'string' },
  },
});

function whole(
  name: 'port' | 'speed' | 'slots' | 'pages' | 'crash',
  least: number,
  most: number,
): number {
  const value = Number(values[name]);
  if (values[name] !== '' && Number.isInteger(value) && value >= least && value <= most)
    return value;
  throw new Error(
    `--${name} must be a whole number from ${least} to ${most}; got '${values[name]}'.`,
  );
}

async function main(): Promise<void> {
  const service = await startFakeService({
    port: whole('port', 0, 65_535),
    speed: whole('speed', 1, 3600),
    slots: whole('slots', 1, 10_000),
    fates: { crash: 0.05, doomed: 0.01, stall: 0.02, known: 0.05, empty: 0.05 },
  });
  console.log(`extraction service at ${service.url}; counts at ${new URL('/stats', service.url)}`);
  const seconds = whole('crash', 0, 86_400);
  const timer =
    seconds === 0
      ? undefined
      : setInterval(() => {
          console.log(`crashed with ${service.stats().open} jobs open`);
          service.crash();
        }, seconds * 1000);
  if (values.write !== undefined) {
    const pages = whole('pages', 1, 1_000_000);
    const lines = Array.from(
      { length: pages },
      (_, at) => `{"url":"https://recipes.example.org/${at}"}\n`,
    );
    writeFileSync(values.write, lines.join(''));
    console.log(
      `${pages} pages in ${values.write}: sluice run recipes ${values.write} --option service=${service.url}`,
    );
  }
  process.once('SIGINT', () => {
    clearInterval(timer);
    console.log(`\n${JSON.stringify(service.stats())}`);
    void service.close();
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
