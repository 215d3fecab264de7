#!/usr/bin/env node
import { ownProcess } from '../app/own-process.ts';
import { runLine } from './line.ts';
import { endQuietlyOnClosedPipe, hideSdkVersionWarning } from './terminal.ts';

endQuietlyOnClosedPipe();
ownProcess();
hideSdkVersionWarning();
const exit = await runLine(process.argv);
// An open standard input would keep the process; what is written must be out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exit)));
