import type { ByteFile } from './byte-file.ts';
import { newCollector } from './collect.ts';
import { hasId3v1 } from './id3v1.ts';
import { type FormatFields, type Tags, tagsOf } from './tags.ts';
import { unsure } from './unsure.ts';
import { readComments } from './vorbis-comment.ts';

/** Blocks of RFC 9639, section 8. */
const STREAM_INFO = 0;
const COMMENT = 4;
const LAST_TYPE = 6;

const MAX_BLOCKS = 200;
const MAX_COMMENT_BYTES = 256 * 1024;

export function readFlac(file: ByteFile): Tags {
  if (hasId3v1(file)) unsure();
  const collector = newCollector();
  let format: FormatFields | undefined;
  let at = 4;
  for (let blocks = 0, last = false; !last; blocks++) {
    const header = file.at(at, 4);
    if (header.length < 4 || blocks === MAX_BLOCKS) unsure();
    last = (header[0] as number) > 0x7f;
    const type = (header[0] as number) & 0x7f;
    const length = header.readUIntBE(1, 3);
    at += 4;
    if (at + length > file.size || type > LAST_TYPE) unsure();
    if (type === STREAM_INFO) format = streamInfo(file.at(at, length));
    if (type === COMMENT) {
      if (length > MAX_COMMENT_BYTES) unsure();
      readComments(file.at(at, length), collector);
    }
    at += length;
  }
  if (format === undefined) unsure();
  const { codec, sampleRate, duration } = format;
  const bitrate = duration === undefined ? undefined : (8 * (file.size - at)) / duration;
  return tagsOf(collector.fields(), { codec, sampleRate, duration, bitrate });
}

function streamInfo(bytes: Buffer): FormatFields {
  if (bytes.length !== 34) unsure();
  const sampleRate = bytes.readUIntBE(10, 3) >> 4;
  const high = (bytes[13] as number) & 0x0f;
  const samples = bytes.readUInt32BE(14);
  // The library reads the 36 bits with 32-bit arithmetic.
  if (high !== 0 || samples > 0x7fffffff || sampleRate === 0) unsure();
  const duration = samples === 0 ? undefined : samples / sampleRate;
  return { codec: 'FLAC', sampleRate, duration };
}
