import type { ByteFile } from './byte-file.ts';
import { newCollector } from './collect.ts';
import { hasId3v1, ID3V1_BYTES, readId3v1 } from './id3v1.ts';
import { readId3v2 } from './id3v2.ts';
import { type FormatFields, type Tags, tagsOf } from './tags.ts';
import { unsure } from './unsure.ts';

/** Kilobits a second of layer III by the index in the header; 0 and 15 are free and reserved. */
const BIT_RATES = {
  1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const SAMPLE_RATES = [44_100, 48_000, 32_000];
/** Two bits of the header: version 2.5, reserved, 2, 1. */
const VERSIONS = [2.5, undefined, 2, 1];

/** Four frames of layer III at most. */
const FRAMES_BYTES = 4 * 1441 + 4;
/** The library looks this far ahead for a frame. */
const LOOK_AHEAD = 1024;

interface Frame {
  version: number;
  bitRate: number;
  sampleRate: number;
  samples: number;
  bytes: number;
  /** Bytes between the header and the place of a Xing or Info header. */
  side: number;
  protected: boolean;
}

function frameAt(bytes: Buffer, at: number): Frame {
  const first = bytes[at];
  const second = bytes[at + 1] ?? 0;
  const third = bytes[at + 2] ?? 0;
  const fourth = bytes[at + 3] ?? 0;
  if (first !== 0xff || (second & 0xe0) !== 0xe0) unsure();
  const version = VERSIONS[(second >> 3) & 3];
  // Layer III alone is read here.
  if (version === undefined || ((second >> 1) & 3) !== 1) unsure();
  const kilobits = BIT_RATES[version === 1 ? 1 : 2][third >> 4];
  const base = SAMPLE_RATES[(third >> 2) & 3];
  if (!kilobits || base === undefined) unsure();
  const sampleRate = base / (version === 1 ? 1 : version === 2 ? 2 : 4);
  const samples = version === 1 ? 1152 : 576;
  const padding = (third >> 1) & 1;
  const mono = fourth >> 6 === 3;
  return {
    version,
    bitRate: kilobits * 1000,
    sampleRate,
    samples,
    bytes: Math.floor(((samples / 8) * kilobits * 1000) / sampleRate + padding),
    side: version === 1 ? (mono ? 17 : 32) : mono ? 9 : 17,
    protected: (second & 1) === 0,
  };
}

/** MP3 with ID3v2 or without, and ID3v1: the first frames tell the bit rate, a Xing header or the size the duration. */
export function readMpeg(file: ByteFile): Tags {
  const collector = newCollector();
  const start = readId3v2(file, collector);
  const old = hasId3v1(file);
  const end = file.size - (old ? ID3V1_BYTES : 0);
  const bytes = file.at(start, Math.min(FRAMES_BYTES, end - start));
  if (bytes.toString('latin1', 0, 3) === 'ID3') unsure();
  const format = formatOf(bytes, { start, end, size: file.size });
  if (old) readId3v1(file, collector);
  return tagsOf(collector.fields(), format);
}

function formatOf(
  bytes: Buffer,
  { start, end, size }: { start: number; end: number; size: number },
): FormatFields {
  const first = frameAt(bytes, 0);
  const extra = extraOf(bytes, first);
  let at = first.bytes;
  let constant = true;
  let last = first;
  for (let count = 2; count <= 4; count++) {
    if (start + at + LOOK_AHEAD > Math.min(size, end)) unsure();
    last = frameAt(bytes, at);
    if (last.version !== first.version || last.sampleRate !== first.sampleRate) unsure();
    constant &&= last.bitRate === first.bitRate;
    if (count < 4) at = pastFrame(bytes, at, last);
  }
  const data = end - start;
  const known = extra.duration;
  const codec = `MPEG ${first.version} Layer 3`;
  const { sampleRate } = first;
  if (constant) {
    const samples = Math.round(data / last.bytes) * last.samples;
    return { codec, sampleRate, bitrate: last.bitRate, duration: known || samples / sampleRate };
  }
  // Told to be of one bit rate, and it is not: the library takes the size of the fourth frame for all.
  if (extra.constant) unsure();
  const bitrate = extra.quality && known ? (data * 8) / known : last.bitRate;
  return known === undefined ? unsure() : { codec, sampleRate, bitrate, duration: known };
}

/** Four characters as a number: no text is made of what is no such header. */
const word = (text: string): number => Buffer.from(text, 'latin1').readUInt32BE();
const [XING, INFO, LAME, XTRA] = ['Xing', 'Info', 'LAME', 'Xtra'].map(word);
const TEXTS = new Set([XING, INFO, LAME, XTRA]);

function pastFrame(bytes: Buffer, at: number, frame: Frame): number {
  const tagAt = 4 + (frame.protected ? 2 : 0) + frame.side;
  if (frame.bytes < tagAt + 4 || TEXTS.has(bytes.readUInt32BE(at + tagAt))) unsure();
  return at + frame.bytes;
}

interface Extra {
  duration: number | undefined;
  constant: boolean;
  quality: boolean;
}

const NO_EXTRA: Extra = { duration: undefined, constant: false, quality: false };

/** The header of Xing and LAME in the first frame. */
function extraOf(bytes: Buffer, frame: Frame): Extra {
  const tagAt = 4 + frame.side;
  if (frame.bytes < tagAt + 4) unsure();
  const name = bytes.readUInt32BE(tagAt);
  if (name === LAME || name === XTRA) unsure();
  if (name !== XING && name !== INFO) return NO_EXTRA;
  let at = tagAt + 4;
  const flags = bytes[at + 3] as number;
  at += 4;
  const take = (length: number): number => {
    at += length;
    return at - length;
  };
  const frames = flags & 1 ? bytes.readUInt32BE(take(4)) : undefined;
  const size = flags & 2 ? bytes.readUInt32BE(take(4)) : undefined;
  if (flags & 4) take(100);
  if (flags & 8) take(4);
  if (at + 4 <= bytes.length && bytes.readUInt32BE(at) === LAME) {
    take(9);
    const major = /(\d+).(\d+)/.exec(bytes.toString('latin1', at - 5, at));
    if (major !== null && Number(major[1]) >= 3 && Number(major[2]) >= 90) take(27);
  }
  // Without both numbers the library goes another way; what looks like a frame before the next one leads it astray.
  if (!frames || !size || at > frame.bytes) unsure();
  for (let i = at; i + 1 < frame.bytes; i++) {
    if (bytes[i] === 0xff && ((bytes[i + 1] as number) & 0xe0) === 0xe0) unsure();
  }
  if (bytes[frame.bytes - 1] === 0xff) unsure();
  return {
    duration: (frames * frame.samples) / frame.sampleRate,
    constant: name === INFO,
    quality: name === XING && (flags & 8) !== 0,
  };
}
