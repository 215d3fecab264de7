import { openCsv } from '../../../lib/io/csv.ts';
import type { Figures } from '../child.ts';
import { csvBytes } from './csv-bytes.ts';

interface Spec {
  mb: number;
  quoted: boolean;
  parser: 'sluice' | 'objects' | 'arrays';
  /** URL of csv-parse. */
  csvParse?: string;
}

interface Parser {
  on(event: 'readable' | 'end' | 'error', call: (error?: Error) => void): Parser;
  read(): unknown;
  write(bytes: Uint8Array): boolean;
  once(event: 'drain', call: () => void): Parser;
  end(): void;
}

const PIECE = 64 * 1024;
const CHUNK = { items: 1000, bytes: 4 * 1024 * 1024 };

/** CSV bytes in memory to rows, all as texts; `mbPerCpuS` counts the parsing alone. */
export async function csvTask({ mb, quoted, parser, csvParse }: Spec): Promise<Figures> {
  const run = parser === 'sluice' ? sluice : await streaming(csvParse ?? '', parser === 'objects');
  await run(csvBytes(Math.min(mb, 6) * 1e6, quoted).bytes);
  const { bytes, rows } = csvBytes(mb * 1e6, quoted);
  const before = process.cpuUsage();
  const seen = await run(bytes);
  const { user, system } = process.cpuUsage(before);
  if (seen !== rows) throw new Error(`${seen} rows were read, not ${rows}.`);
  return { mbPerCpuS: bytes.length / (user + system), rows };
}

/** As a batch reads: cut into chunks, then each chunk's records. */
async function sluice(bytes: Buffer): Promise<number> {
  const layout = openCsv(bytes, {});
  const read = async (start: number, end: number) => bytes.subarray(start, end);
  const whole = { start: layout.dataStart, end: bytes.length };
  let rows = 0;
  for await (const { start, end } of layout.cuts(read, whole, CHUNK)) {
    const blocks = layout.records(read, { start, end, first: rows }, { maxRecordBytes: 1 << 20 });
    for await (const block of blocks) {
      if (block.errors !== undefined) throw new Error('A row could not be read.');
      rows += block.rows.length;
    }
  }
  return rows;
}

/** csv-parse as a stream, read by events: its fastest way that does not hold all rows. */
async function streaming(url: string, columns: boolean): Promise<typeof sluice> {
  const { parse } = (await import(url)) as { parse(options: { columns: boolean }): Parser };
  return async (bytes) => {
    const parser = parse({ columns });
    let rows = columns ? 0 : -1;
    const done = new Promise<void>((resolve, reject) => {
      parser
        .on('readable', () => {
          while (parser.read() !== null) rows++;
        })
        .on('end', () => resolve())
        .on('error', reject);
    });
    for (let at = 0; at < bytes.length; at += PIECE) {
      if (!parser.write(bytes.subarray(at, at + PIECE))) {
        await new Promise<void>((go) => parser.once('drain', go));
      }
    }
    parser.end();
    await done;
    return rows;
  };
}
