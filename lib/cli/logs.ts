import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type LogLine, logLines } from '../app/log-lines.ts';
import { requireBatch } from '../app/place.ts';
import { SluiceError } from '../core/errors.ts';
import { visible } from '../core/format.ts';
import { isoTime } from '../core/iso-time.ts';
import { EXIT } from './exit-codes.ts';
import { wholeNumber } from './flags.ts';
import { newLines } from './lines.ts';
import { LOG_LEVELS, type LogLevel } from './log-levels.ts';
import { type Cli, shortPath } from './terminal.ts';
import { inPlace } from './with-place.ts';

export interface LogsFlags {
  /** The lowest level that is shown. */
  level?: LogLevel;
  index?: string;
  engine?: boolean;
}

export async function logsCommand(
  cli: Cli,
  { batch, flags }: { batch: string | undefined; flags: LogsFlags },
): Promise<number> {
  if (flags.engine) return engineLog(cli, batch, flags);
  if (batch === undefined) {
    throw new SluiceError('USAGE', 'Which batch? Item logs are kept by batch.', {
      hint: 'The log of the engine, of all batches, is shown by --engine.',
    });
  }
  return itemLog(cli, batch, flags);
}

async function itemLog(cli: Cli, id: string, flags: LogsFlags): Promise<number> {
  const index =
    flags.index === undefined
      ? undefined
      : wholeNumber('--index', flags.index, { min: 0, unit: 'position in the input, from 0' });
  const lowest = rankOf(flags.level);
  return inPlace(cli, async (place) => {
    const batch = await requireBatch(place, id);
    const lines = newLines(cli);
    for await (const line of logLines(place, batch)) {
      if (index !== undefined && line.index !== index) continue;
      if (rankOf(line.level) >= lowest) await lines.add(cli.json ? line.text : forPeople(line));
    }
    await lines.flush();
    return EXIT.ok;
  });
}

/** A level that is not known counts as the lowest. */
const rankOf = (level: string | undefined): number =>
  Math.max(0, LOG_LEVELS.indexOf(level as LogLevel));

/** `time level #index key message field=value` */
function forPeople({ text, time, level, index, key, msg }: LogLine): string {
  const {
    time: _t,
    level: _l,
    index: _i,
    key: _k,
    msg: _m,
    ...fields
  } = JSON.parse(text) as Record<string, unknown>;
  const number = index === undefined ? '' : ` #${index}`;
  const head = `${isoTime(time)} ${level.padEnd(5)}${number}${key === null ? '' : ` ${key}`}`;
  return visible([head, msg, ...fieldTexts(fields)].join(' '));
}

const fieldTexts = (fields: Record<string, unknown>): string[] =>
  Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);

/** Files that the logger has moved on are older: `sluice.log.9` ... `.1`, then `sluice.log`. */
const ENGINE_FILES = [9, 8, 7, 6, 5, 4, 3, 2, 1]
  .map((number) => `sluice.log.${number}`)
  .concat('sluice.log');

async function engineLog(cli: Cli, batch: string | undefined, flags: LogsFlags): Promise<number> {
  if (cli.stack !== undefined) {
    throw new SluiceError('USAGE', `The engine's log of stack ${cli.stack} is in CloudWatch.`, {
      hint: 'See it with: aws logs tail <log group of a function> --follow. What the items logged needs no --engine.',
    });
  }
  const folder = join(resolve(cli.home), 'logs');
  const lowest = rankOf(flags.level);
  const out = newLines(cli);
  let files = 0;
  for (const name of ENGINE_FILES) {
    const file = join(folder, name);
    if ((await stat(file).catch(() => undefined)) === undefined) continue;
    files += 1;
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: 100 })) {
      const line = parseLine(text);
      if (line === undefined || rankOf(line['level'] as string) < lowest) continue;
      if (batch !== undefined && line['batch'] !== batch) continue;
      await out.add(cli.json ? text : engineLine(line));
    }
  }
  await out.flush();
  if (files === 0) {
    throw new SluiceError('NOT_FOUND', `There is no engine log in ${shortPath(folder)}.`);
  }
  return EXIT.ok;
}

/** The last line may be half-written. */
function parseLine(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function engineLine({ time, level, msg, pid: _pid, ...fields }: Record<string, unknown>): string {
  const words = [String(time), String(level).padEnd(5), String(msg), ...fieldTexts(fields)];
  return visible(words.join(' '));
}
