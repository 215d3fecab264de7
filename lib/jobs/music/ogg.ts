import type { ByteFile } from './byte-file.ts';
import { newCollector } from './collect.ts';
import { type FormatFields, type Tags, tagsOf } from './tags.ts';
import { unsure } from './unsure.ts';
import { readComments } from './vorbis-comment.ts';

/** An Ogg page (RFC 3533). */
interface Page {
  continued: boolean;
  first: boolean;
  last: boolean;
  granule: bigint;
  serial: number;
  /** Position and length of what it holds. */
  dataAt: number;
  length: number;
}

const HEADER_BYTES = 27;
/** The largest page there is: the last one lies within it. */
const MAX_PAGE_BYTES = HEADER_BYTES + 255 + 255 * 255;
/** Comments with a picture go over many pages. */
const MAX_COMMENT_PAGES = 16;

function pageAt(file: ByteFile, at: number): Page {
  const header = file.at(at, HEADER_BYTES + 255);
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, 4) !== 'OggS') unsure();
  const segments = header[26] as number;
  if (header.length < HEADER_BYTES + segments) unsure();
  let length = 0;
  for (let i = 0; i < segments; i++) length += header[HEADER_BYTES + i] as number;
  const flags = header[5] as number;
  const dataAt = at + HEADER_BYTES + segments;
  if (dataAt + length > file.size) unsure();
  return {
    continued: (flags & 1) !== 0,
    first: (flags & 2) !== 0,
    last: (flags & 4) !== 0,
    granule: header.readBigUInt64LE(6),
    serial: header.readUInt32LE(14),
    dataAt,
    length,
  };
}

/** Ogg Vorbis and Ogg Opus, one stream a file: the last page tells the duration. */
export function readOgg(file: ByteFile): Tags {
  const collector = newCollector();
  const first = pageAt(file, 0);
  if (!first.first || first.continued || first.last) unsure();
  const head = file.at(first.dataAt, first.length);
  const stream = head.toString('latin1', 0, 8) === 'OpusHead' ? opusOf(head) : vorbisOf(head);
  const { bytes, audioAt } = commentsOf(file, first);
  const name = stream.preSkip === undefined ? '\u0003vorbis' : 'OpusTags';
  if (bytes.toString('latin1', 0, name.length) !== name) unsure();
  readComments(bytes.subarray(name.length), collector);
  const samples = lastGranule(file, first.serial) - (stream.preSkip ?? 0);
  const duration =
    samples / (stream.preSkip === undefined ? (stream.sampleRate as number) : 48_000);
  const bitrate =
    stream.preSkip === undefined
      ? stream.bitrate
      : (8 * (file.size - audioAt + bytes.length)) / duration;
  const { codec, sampleRate } = stream;
  return tagsOf(collector.fields(), { codec, sampleRate, duration, bitrate });
}

interface Stream extends FormatFields {
  /** Of Opus: samples at 48 kHz before the first that is heard. */
  preSkip?: number;
}

function vorbisOf(head: Buffer): Stream {
  if (head.length < 30 || head.toString('latin1', 0, 7) !== '\u0001vorbis') unsure();
  const sampleRate = head.readUInt32LE(12);
  if (sampleRate === 0) unsure();
  return { codec: 'Vorbis I', sampleRate, bitrate: head.readUInt32LE(20) };
}

function opusOf(head: Buffer): Stream {
  if (head.length < 19) unsure();
  const sampleRate = head.readUInt32LE(12);
  if (sampleRate === 0) unsure();
  return { codec: 'Opus', sampleRate, preSkip: head.readUInt16LE(10) };
}

/** The second page and those that continue it, and the end of the page behind them. */
function commentsOf(file: ByteFile, first: Page): { bytes: Buffer; audioAt: number } {
  const parts: Buffer[] = [];
  let at = first.dataAt + first.length;
  for (let pages = 0; pages < MAX_COMMENT_PAGES; pages++) {
    const page = pageAt(file, at);
    if (page.serial !== first.serial || page.first) unsure();
    at = page.dataAt + page.length;
    if (pages > 0 && !page.continued) {
      if (page.last) unsure();
      return { bytes: Buffer.concat(parts), audioAt: at };
    }
    if (page.last || (pages === 0 && page.continued)) unsure();
    parts.push(Buffer.from(file.at(page.dataAt, page.length)));
  }
  return unsure();
}

/** Samples up to the end of the last page, which must end the file and the stream. */
function lastGranule(file: ByteFile, serial: number): number {
  for (const span of [4096, MAX_PAGE_BYTES]) {
    const from = Math.max(0, file.size - span);
    const tail = file.at(from, span);
    const found = tail.lastIndexOf('OggS');
    if (found < 0) continue;
    const page = pageAt(file, from + found);
    if (page.dataAt + page.length !== file.size || !page.last || page.serial !== serial) unsure();
    if (page.granule > BigInt(Number.MAX_SAFE_INTEGER)) unsure();
    return Number(page.granule);
  }
  return unsure();
}
