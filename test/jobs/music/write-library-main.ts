import { resolve } from 'node:path';
import { writeLibrary } from './write-library.ts';

/** npm run sample:music -- <folder> [files]: a music library to try the job on. */
const [folder, files = '1000'] = process.argv.slice(2);
if (folder === undefined || !/^\d{1,7}$/.test(files)) {
  console.error('Usage: npm run sample:music -- <folder> [files, 1000 by default]');
  process.exitCode = 64;
} else {
  console.log(JSON.stringify(writeLibrary({ folder: resolve(folder), files: Number(files) })));
}
