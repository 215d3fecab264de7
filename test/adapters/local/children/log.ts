/** Logs with a console, then into a place where no folder can be made. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localLogger } from '../../../../lib/adapters/local/logger.ts';

const [folder = ''] = process.argv.slice(2);
const logger = localLogger({ folder, console: true });
logger.child({ batch: 'b' }).warn('something', { n: 7 });
logger.debug('too low');
await logger.close();

writeFileSync(join(folder, 'file'), 'x');
const broken = localLogger({ folder: join(folder, 'file', 'logs') });
for (let i = 0; i < 100; i += 1) {
  broken.error('lost');
  await broken.flush();
}
await broken.close();
