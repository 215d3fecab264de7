/**
 * The fake service's door: `npm run fake:recipes -- --speed 60 --write pages.jsonl`. Work takes 3 to 8 minutes, of
 * which `--speed` go by in one; `--crash` seconds apart the whole service crashes.
 */
import { writeFileSync } from 'node:fs';
import { openDoor } from '../../support/fake-flags.ts';
import { startFakeService } from './fake-service.ts';

const door = {
  script: 'fake:recipes',
  about: 'A fake extraction service on the loopback, whose jobs take 3 to 8 minutes.',
  flags: {
    port: { about: 'port; 0 for any', value: 9733, min: 0, max: 65_535 },
    speed: { about: 'minutes that go by in one', value: 1, min: 1, max: 3600 },
    slots: { about: 'jobs at once; beyond, it answers 429', value: 20, min: 1, max: 10_000 },
    pages: { about: 'pages of the input that --write writes', value: 100, min: 1, max: 1_000_000 },
    crash: {
      about: 'seconds from one crash of it to the next; 0 for none',
      value: 0,
      min: 0,
      max: 86_400,
    },
    write: { about: 'file for an input that fits it' },
  },
};

await openDoor(door, async ({ port, speed, slots, pages, crash, write }) => {
  const service = await startFakeService({
    ...{ port, speed, slots },
    fates: { crash: 0.05, doomed: 0.01, stall: 0.02, known: 0.05, empty: 0.05 },
  });
  console.log(`extraction service at ${service.url}; counts at ${new URL('/stats', service.url)}`);
  const crashNow = (): void => {
    console.log(`crashed with ${service.stats().open} jobs open`);
    service.crash();
  };
  const timer = crash === 0 ? undefined : setInterval(crashNow, crash * 1000);
  if (write !== undefined) {
    const lines = Array.from(
      { length: pages },
      (_, at) => `{"url":"https://recipes.example.org/${at}"}\n`,
    );
    writeFileSync(write, lines.join(''));
    console.log(
      `${pages} pages in ${write}: sluice run recipes ${write} --option service=${service.url}`,
    );
  }
  process.once('SIGINT', () => {
    clearInterval(timer);
    console.log(`\n${JSON.stringify(service.stats())}`);
    void service.close();
  });
});
