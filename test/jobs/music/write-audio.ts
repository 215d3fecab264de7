/** What a file that the tests write says of itself. */
export interface Track {
  title: string;
  artist: string;
  /** One by one, beside `artist`. */
  artists?: string[];
  albumArtist?: string;
  album: string;
  track: number;
  tracks?: number;
  disc?: number;
  discs?: number;
  year: number;
  genre: string;
  compilation?: boolean;
  isrc?: string;
  musicBrainz?: { recording?: string; release?: string; artist?: string };
}

export const concat = (...parts: (Buffer | Uint8Array)[]): Buffer => Buffer.concat(parts);
export const be32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value >>> 0, 4 * i);
  });
  return bytes;
};
export const be16 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt16BE(value, 2 * i);
  });
  return bytes;
};
export const le32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};
export const le16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
};
export const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
const NUL = Buffer.alloc(1);

export type Id3Encoding = 'latin1' | 'utf16' | 'utf16be' | 'utf8';
const ENCODINGS: readonly Id3Encoding[] = ['latin1', 'utf16', 'utf16be', 'utf8'];

export interface Id3Options {
  version?: 2 | 3 | 4;
  encoding?: Id3Encoding;
  /** Zeros behind the last frame. */
  padding?: number;
  /** Bytes of a cover. */
  cover?: Buffer | undefined;
  /** Byte order of utf16. */
  bigEndian?: boolean;
  comment?: string;
}

function id3Text(text: string, { encoding = 'utf8', bigEndian = false }: Id3Options): Buffer {
  const little = Buffer.from(text, 'utf16le');
  if (encoding === 'latin1') return latin(text);
  if (encoding === 'utf8') return Buffer.from(text);
  if (encoding === 'utf16be') return Buffer.from(little).swap16();
  return bigEndian
    ? concat(Buffer.from([0xfe, 0xff]), Buffer.from(little).swap16())
    : concat(Buffer.from([0xff, 0xfe]), little);
}

const syncSafe = (value: number): Buffer =>
  Buffer.from([(value >> 21) & 127, (value >> 14) & 127, (value >> 7) & 127, value & 127]);

/** An ID3v2 tag of version 2.2, 2.3 or 2.4. */
export function id3v2(track: Track, options: Id3Options = {}): Buffer {
  const { version = 4, padding = 0, cover, comment } = options;
  const code = Buffer.from([ENCODINGS.indexOf(options.encoding ?? 'utf8')]);
  const wide = options.encoding === 'utf16' || options.encoding === 'utf16be';
  const zero = wide ? Buffer.alloc(2) : NUL;
  const frame = (id: string, data: Buffer): Buffer => {
    if (version === 2) return concat(latin(id), be32(data.length).subarray(1), data);
    const size = version === 4 ? syncSafe(data.length) : be32(data.length);
    return concat(latin(id), size, Buffer.alloc(2), data);
  };
  const text = (id: string, value: string | undefined): Buffer[] =>
    value === undefined ? [] : [frame(id, concat(code, id3Text(value, options)))];
  const user = (name: string, value: string | undefined): Buffer[] =>
    value === undefined || version === 2
      ? []
      : [frame('TXXX', concat(code, id3Text(name, options), zero, id3Text(value, options)))];
  const id = (two: string, more: string): string => (version === 2 ? two : more);
  const { musicBrainz: mb = {} } = track;
  const of = (n: number | undefined, total: number | undefined): string | undefined =>
    n === undefined ? undefined : total === undefined ? String(n) : `${n}/${total}`;
  const frames = [
    ...text(id('TT2', 'TIT2'), track.title),
    ...text(id('TP1', 'TPE1'), track.artist),
    ...text(id('TP2', 'TPE2'), track.albumArtist),
    ...text(id('TAL', 'TALB'), track.album),
    ...text(id('TRK', 'TRCK'), of(track.track, track.tracks)),
    ...text(id('TPA', 'TPOS'), of(track.disc, track.discs)),
    ...text(version === 2 ? 'TYE' : version === 3 ? 'TYER' : 'TDRC', String(track.year)),
    ...text(id('TCO', 'TCON'), track.genre),
    ...text(id('TCP', 'TCMP'), track.compilation === undefined ? undefined : '1'),
    ...(version === 2 ? [] : text('TSRC', track.isrc)),
    ...user('ARTISTS', track.artists?.join(version === 4 ? '\0' : '/')),
    ...user('MusicBrainz Album Id', mb.release),
    ...user('MusicBrainz Artist Id', mb.artist),
    ...(mb.recording === undefined || version === 2
      ? []
      : [frame('UFID', concat(latin('http://musicbrainz.org\0'), latin(mb.recording)))]),
    ...(comment === undefined
      ? []
      : [frame(id('COM', 'COMM'), concat(NUL, latin('eng'), NUL, latin(comment)))]),
    ...(cover === undefined
      ? []
      : [
          version === 2
            ? frame('PIC', concat(NUL, latin('JPG'), Buffer.from([3, 0]), cover))
            : frame('APIC', concat(NUL, latin('image/jpeg\0'), Buffer.from([3, 0]), cover)),
        ]),
  ];
  const body = concat(...frames, Buffer.alloc(padding));
  return concat(latin('ID3'), Buffer.from([version, 0, 0]), syncSafe(body.length), body);
}

export function id3v1(track: Track, genre = 255): Buffer {
  const bytes = Buffer.alloc(128);
  const put = (text: string, at: number, length: number): void => {
    bytes.write(text.slice(0, length), at, 'latin1');
  };
  put('TAG', 0, 3);
  put(track.title, 3, 30);
  put(track.artist, 33, 30);
  put(track.album, 63, 30);
  put(String(track.year), 93, 4);
  bytes[126] = track.track & 255;
  bytes[127] = genre;
  return bytes;
}

/** An APEv2 tag with header and footer (wiki.hydrogenaud.io, APEv2 specification). */
export function apeTag(track: Track): Buffer {
  const items = Object.entries({
    Title: track.title,
    Artist: track.artist,
    Album: track.album,
    Track: String(track.track),
    Year: String(track.year),
    Genre: track.genre,
  }).map(([key, value]) => {
    const bytes = Buffer.from(value);
    return concat(le32(bytes.length), le32(0), latin(`${key}\0`), bytes);
  });
  const size = items.reduce((sum, item) => sum + item.length, 32);
  const edge = (flags: number): Buffer =>
    concat(
      latin('APETAGEX'),
      le32(2000),
      le32(size),
      le32(items.length),
      le32(flags),
      Buffer.alloc(8),
    );
  return concat(edge(0xa0000000), ...items, edge(0x80000000));
}

export interface Mp3Options extends Id3Options {
  frames?: number;
  /** A Xing header in the first frame; the frames then change their bit rate. */
  variable?: boolean;
  /** An Info header of constant bit rate. */
  info?: boolean;
  mono?: boolean;
  id3v1?: boolean;
  ape?: boolean;
  /** No ID3v2. */
  bare?: boolean;
  /** Fills frames, so that two recordings differ. */
  noise?: number;
}

/** Frames of MPEG 1 layer III at 44.1 kHz: header, side information, and what `noise` puts behind them. */
export function mp3Frames(options: Mp3Options): Buffer {
  const { frames = 8, variable = false, info = false, mono = false, noise = 0 } = options;
  const mode = mono ? 0xc0 : 0x40;
  const parts: Buffer[] = [];
  const rates = variable ? [9, 10, 11, 9] : [9];
  const sizes = { 9: 417, 10: 522, 11: 626 } as const;
  for (let i = 0; i < frames; i++) {
    const rate = rates[i % rates.length] as 9 | 10 | 11;
    const frame = Buffer.alloc(sizes[rate], (noise + i) & 0x7f);
    frame.fill(0, 4, 40);
    Buffer.from([0xff, 0xfb, rate << 4, mode]).copy(frame);
    if (i > 0) frame.writeUInt32BE(noise >>> 0, 44);
    else frame.fill(0, 4);
    parts.push(frame);
  }
  const first = parts[0] as Buffer;
  if (variable || info) {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const at = 4 + (mono ? 17 : 32);
    concat(
      latin(variable ? 'Xing' : 'Info'),
      be32(15, frames, bytes),
      Buffer.alloc(100, 7),
      be32(variable ? 78 : 0),
    ).copy(first, at);
  }
  return concat(...parts);
}

export function mp3(track: Track, options: Mp3Options = {}): Buffer {
  return concat(
    options.bare ? Buffer.alloc(0) : id3v2(track, options),
    mp3Frames(options),
    options.ape ? apeTag(track) : Buffer.alloc(0),
    options.id3v1 ? id3v1(track) : Buffer.alloc(0),
  );
}

/** Comments of Vorbis, Opus and FLAC: vendor, count, name=value. */
export function comments(track: Track, extra: readonly string[] = []): Buffer {
  const { musicBrainz: mb = {} } = track;
  const entries: [string, string | number | undefined][] = [
    ['TITLE', track.title],
    ['ARTIST', track.artist],
    ...(track.artists ?? []).map((name): [string, string] => ['ARTISTS', name]),
    ['ALBUMARTIST', track.albumArtist],
    ['ALBUM', track.album],
    ['TRACKNUMBER', track.track],
    ['TRACKTOTAL', track.tracks],
    ['DISCNUMBER', track.disc],
    ['DISCTOTAL', track.discs],
    ['DATE', track.year],
    ['GENRE', track.genre],
    ['COMPILATION', track.compilation ? 1 : undefined],
    ['ISRC', track.isrc],
    ['MUSICBRAINZ_TRACKID', mb.recording],
    ['MUSICBRAINZ_ALBUMID', mb.release],
    ['MUSICBRAINZ_ARTISTID', mb.artist],
  ];
  const lines = entries
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  const all = [...lines, ...extra].map((line) => Buffer.from(line));
  const vendor = latin('written by a test');
  return concat(
    le32(vendor.length),
    vendor,
    le32(all.length),
    ...all.flatMap((line) => [le32(line.length), line]),
  );
}

export interface FlacOptions {
  seconds?: number;
  sampleRate?: number;
  padding?: number;
  cover?: Buffer | undefined;
  audio?: number;
  noise?: number;
  id3v1?: boolean;
}

export function flac(track: Track, options: FlacOptions = {}): Buffer {
  const {
    seconds = 200,
    sampleRate = 44_100,
    padding = 0,
    cover,
    audio = 1500,
    noise = 0,
  } = options;
  const info = Buffer.alloc(34);
  info.writeUInt16BE(4096, 0);
  info.writeUInt16BE(4096, 2);
  // 20 bits of rate, 3 of channels less 1, 5 of bits less 1, 36 of samples.
  info.writeUInt32BE(sampleRate * 4096 + (1 << 9) + (15 << 4), 10);
  info.writeUInt32BE(Math.round(seconds * sampleRate), 14);
  const blocks: [number, Buffer][] = [[0, info]];
  if (cover !== undefined) {
    const mime = latin('image/jpeg');
    const data = concat(be32(3, mime.length), mime, be32(0, 1, 1, 24, 0, cover.length), cover);
    blocks.push([6, data]);
  }
  blocks.push([4, comments(track)]);
  if (padding > 0) blocks.push([1, Buffer.alloc(padding)]);
  const parts = blocks.map(([type, data], i) =>
    concat(
      Buffer.from([type + (i === blocks.length - 1 ? 128 : 0)]),
      be32(data.length).subarray(1),
      data,
    ),
  );
  const frames = Buffer.alloc(audio, noise & 0x7f);
  Buffer.from([0xff, 0xf8, 0xc9, 0x18]).copy(frames);
  if (audio >= 12) frames.writeUInt32BE(noise >>> 0, 6);
  return concat(latin('fLaC'), ...parts, frames, options.id3v1 ? id3v1(track) : Buffer.alloc(0));
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  let value = i << 24;
  for (let bit = 0; bit < 8; bit++)
    value = value & 0x80000000 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value >>> 0;
});

function oggCrc(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes)
    crc = ((crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ byte) & 255] as number)) >>> 0;
  return crc;
}

interface OggPage {
  data: Buffer;
  flags: number;
  granule: number;
  /** The packet goes on in the next page. */
  open?: boolean;
}

function oggPages(pages: readonly OggPage[], serial: number): Buffer {
  return concat(
    ...pages.map(({ data, flags, granule, open = false }, sequence) => {
      const full = Math.floor(data.length / 255);
      const laces = open ? Buffer.alloc(full, 255) : Buffer.alloc(full + 1, 255);
      if (!open) laces[full] = data.length % 255;
      const header = Buffer.alloc(27);
      header.write('OggS', 'latin1');
      header[5] = flags;
      header.writeBigUInt64LE(BigInt(granule), 6);
      header.writeUInt32LE(serial >>> 0, 14);
      header.writeUInt32LE(sequence, 18);
      header[26] = laces.length;
      const page = concat(header, laces, data);
      page.writeUInt32LE(oggCrc(page), 22);
      return page;
    }),
  );
}

export interface OggOptions {
  seconds?: number;
  noise?: number;
  /** Pages of audio. */
  pages?: number;
  /** A picture among the comments, as base64. */
  cover?: Buffer | undefined;
}

const PAGE = 254 * 255;

/** A packet over as many pages as it needs. */
function packetPages(packet: Buffer): OggPage[] {
  const pages: OggPage[] = [];
  for (let at = 0; at === 0 || at < packet.length; at += PAGE) {
    pages.push({
      data: packet.subarray(at, at + PAGE),
      flags: at === 0 ? 0 : 1,
      granule: 0,
      open: at + PAGE < packet.length,
    });
  }
  return pages;
}

function ogg(head: Buffer, packet: Buffer, audio: { granule: number } & OggOptions): Buffer {
  const { pages = 2, noise = 0, granule } = audio;
  const body = Array.from({ length: pages }, (_, i): OggPage => {
    // Packets of audio begin with an even byte, those of headers with an odd one.
    const data = Buffer.alloc(700, ((noise + i) & 0x3f) << 1);
    data.writeUInt32LE(noise >>> 0, 8);
    const last = i === pages - 1;
    return { data, flags: last ? 4 : 0, granule: Math.floor((granule * (i + 1)) / pages) };
  });
  return oggPages(
    [{ data: head, flags: 2, granule: 0 }, ...packetPages(packet), ...body],
    7 + noise,
  );
}

const picture = (cover: Buffer | undefined): string[] =>
  cover === undefined ? [] : [`METADATA_BLOCK_PICTURE=${cover.toString('base64')}`];

export function vorbis(track: Track, options: OggOptions = {}): Buffer {
  const { seconds = 180, cover } = options;
  const head = concat(
    latin('\u0001vorbis'),
    le32(0),
    Buffer.from([2]),
    le32(44_100),
    le32(0),
    le32(160_000),
    le32(0),
    Buffer.from([0xb8, 1]),
  );
  const packet = concat(latin('\u0003vorbis'), comments(track, picture(cover)), Buffer.from([1]));
  return ogg(head, packet, { ...options, granule: Math.round(seconds * 44_100) });
}

export function opus(track: Track, options: OggOptions = {}): Buffer {
  const { seconds = 180, cover } = options;
  const head = concat(
    latin('OpusHead'),
    Buffer.from([1, 2]),
    le16(312),
    le32(48_000),
    Buffer.alloc(3),
  );
  const packet = concat(latin('OpusTags'), comments(track, picture(cover)));
  return ogg(head, packet, { ...options, granule: Math.round(seconds * 48_000) + 312 });
}

const atom = (name: string, ...parts: (Buffer | Uint8Array)[]): Buffer => {
  const body = concat(...parts);
  return concat(be32(body.length + 8), latin(name), body);
};

export interface M4aOptions {
  seconds?: number;
  cover?: Buffer | undefined;
  lossless?: boolean;
  /** The audio before the tags, as a recorder writes it. */
  audioFirst?: boolean;
  samples?: number;
  noise?: number;
}

function itunesList(track: Track, cover: Buffer | undefined): Buffer {
  const { musicBrainz: mb = {} } = track;
  const data = (kind: number, value: Buffer): Buffer => atom('data', be32(kind, 0), value);
  const text = (name: string, value: string | undefined): Buffer[] =>
    value === undefined ? [] : [atom(name, data(1, Buffer.from(value)))];
  const free = (name: string, value: string | undefined): Buffer[] =>
    value === undefined
      ? []
      : [
          atom(
            '----',
            atom('mean', be32(0), latin('com.apple.iTunes')),
            atom('name', be32(0), latin(name)),
            data(1, Buffer.from(value)),
          ),
        ];
  const pair = (n: number, of: number): Buffer => concat(be16(0, n, of), Buffer.alloc(2));
  return atom(
    'ilst',
    ...text('©nam', track.title),
    ...text('©ART', track.artist),
    ...text('aART', track.albumArtist),
    ...text('©alb', track.album),
    ...text('©day', String(track.year)),
    ...text('©gen', track.genre),
    atom('trkn', data(0, pair(track.track & 255, (track.tracks ?? 0) & 255))),
    ...(track.disc === undefined
      ? []
      : [atom('disk', data(0, pair(track.disc & 255, (track.discs ?? 0) & 255)))]),
    ...(track.compilation ? [atom('cpil', data(21, Buffer.from([1])))] : []),
    ...(cover === undefined ? [] : [atom('covr', data(13, cover))]),
    ...free('ISRC', track.isrc),
    ...(track.artists ?? []).flatMap((name) => free('ARTISTS', name)),
    ...free('MusicBrainz Track Id', mb.recording),
    ...free('MusicBrainz Album Id', mb.release),
    ...free('MusicBrainz Artist Id', mb.artist),
    ...text('©too', 'written by a test'),
  );
}

export function m4a(track: Track, options: M4aOptions = {}): Buffer {
  const {
    seconds = 180,
    cover,
    lossless = false,
    audioFirst = false,
    samples = 20,
    noise = 0,
  } = options;
  const audio = Buffer.alloc(samples * 40, noise & 0x7f);
  audio.writeUInt32BE(noise >>> 0, 4);
  const mdat = atom('mdat', audio);
  const ftyp = atom('ftyp', latin('M4A '), be32(0), latin('M4A mp42isom'));
  const units = Math.round(seconds * 44_100);
  const entry = concat(
    be32(36 + 8),
    latin(lossless ? 'alac' : 'mp4a'),
    Buffer.alloc(6),
    be16(1),
    Buffer.alloc(8),
    be16(2, 16, 0, 0),
    be16(44_100, 0),
    Buffer.alloc(8),
  );
  const sizes = be32(...Array.from({ length: samples }, () => 40));
  const table = atom(
    'stbl',
    atom('stsd', be32(0, 1), entry),
    atom('stts', be32(0, 1, samples, 1024)),
    atom('stsc', be32(0, 1, 1, samples, 1)),
    atom('stsz', be32(0, 0, samples), sizes),
    atom('stco', be32(0, 1, ftyp.length + 8)),
  );
  const media = atom(
    'mdia',
    atom('mdhd', be32(0, 0, 0, 44_100, units), be16(0x55c4, 0)),
    atom('hdlr', be32(0, 0), latin('soun'), Buffer.alloc(12), latin('SoundHandler\0')),
    atom('minf', atom('smhd', be32(0, 0)), table),
  );
  const header = Buffer.alloc(84);
  header.writeUInt32BE(1, 12);
  const list = itunesList(track, cover);
  const moov = atom(
    'moov',
    atom('mvhd', Buffer.alloc(100)),
    atom('trak', atom('tkhd', header), media),
    atom(
      'udta',
      atom('meta', be32(0), atom('hdlr', be32(0, 0), latin('mdir'), Buffer.alloc(13)), list),
    ),
  );
  return audioFirst ? concat(ftyp, mdat, moov) : concat(ftyp, moov, mdat);
}

const chunk = (name: string, data: Buffer, size: (n: number) => Buffer): Buffer =>
  concat(latin(name), size(data.length), data, Buffer.alloc(data.length % 2));

export function wav(
  track: Track,
  { noise = 0, samples = 2000 }: { noise?: number; samples?: number } = {},
): Buffer {
  const text = (name: string, value: string): Buffer =>
    chunk(name, concat(latin(value), NUL), le32);
  const list = concat(
    latin('INFO'),
    text('INAM', track.title),
    text('IART', track.artist),
    text('IPRD', track.album),
    text('ICRD', String(track.year)),
    text('IGNR', track.genre),
    text('ITRK', String(track.track)),
  );
  const format = concat(le16(1), le16(1), le32(8000), le32(8000), le16(1), le16(8));
  const data = Buffer.alloc(samples, noise & 0x7f);
  data.writeUInt32LE(noise >>> 0, 4);
  const body = concat(
    latin('WAVE'),
    chunk('fmt ', format, le32),
    chunk('LIST', list, le32),
    chunk('data', data, le32),
  );
  return concat(latin('RIFF'), le32(body.length), body);
}

export function aiff(
  track: Track,
  { noise = 0, samples = 2000 }: { noise?: number; samples?: number } = {},
): Buffer {
  // 8,000 Hz as an 80-bit float.
  const rate = Buffer.from([0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0]);
  const data = Buffer.alloc(samples, noise & 0x7f);
  data.writeUInt32LE(noise >>> 0, 4);
  const body = concat(
    latin('AIFF'),
    chunk('COMM', concat(be16(1), be32(samples), be16(8), rate), be32),
    chunk('ID3 ', id3v2(track, { version: 3, encoding: 'utf16' }), be32),
    chunk('SSND', concat(be32(0, 0), data), be32),
  );
  return concat(latin('FORM'), be32(body.length), body);
}

/** GUIDs of ASF objects as they stand in the file. */
const ASF = {
  header: '3026b2758e66cf11a6d900aa0062ce6c',
  properties: 'a1dcab8c47a9cf118ee400c00c205365',
  stream: '9107dcb7b7a9cf118ee600c00c205365',
  description: '3326b2758e66cf11a6d900aa0062ce6c',
  more: '40a4d0d207e3d21197f000a0c95ea850',
  audio: '409e69f84d5bcf11a8fd00805f5c442b',
  data: '3626b2758e66cf11a6d900aa0062ce6c',
} as const;

/** Windows Media Audio (ASF): what the file says of itself, and a little data. */
export function wma(
  track: Track,
  { noise = 0, seconds = 180 }: { noise?: number; seconds?: number } = {},
): Buffer {
  const guid = (name: keyof typeof ASF): Buffer => Buffer.from(ASF[name], 'hex');
  const le64 = (value: number): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(Math.round(value)));
    return bytes;
  };
  const object = (name: keyof typeof ASF, ...parts: Buffer[]): Buffer => {
    const body = concat(...parts);
    return concat(guid(name), le64(body.length + 24), body);
  };
  const wide = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le');
  const texts = [track.title, track.artist, '', '', ''].map(wide);
  const extra = Object.entries({
    'WM/AlbumTitle': track.album,
    'WM/AlbumArtist': track.albumArtist ?? track.artist,
    'WM/TrackNumber': String(track.track),
    'WM/Year': String(track.year),
    'WM/Genre': track.genre,
  }).map(([name, value]) =>
    concat(le16(wide(name).length), wide(name), le16(0), le16(wide(value).length), wide(value)),
  );
  const wave = concat(le16(0x161), le16(2), le32(44_100), le32(16_000), le16(1), le16(16), le16(0));
  const objects = [
    object(
      'properties',
      Buffer.alloc(16),
      le64(5000),
      le64(0),
      le64(1),
      le64((seconds + 3) * 1e7),
      le64(seconds * 1e7),
      le64(3000),
      le32(2),
      le32(100),
      le32(100),
      le32(128_000),
    ),
    object(
      'stream',
      guid('audio'),
      Buffer.alloc(16),
      le64(0),
      le32(wave.length),
      le32(0),
      le16(1),
      le32(0),
      wave,
    ),
    object('description', ...texts.map((text) => le16(text.length)), ...texts),
    object('more', le16(extra.length), ...extra),
  ];
  const body = concat(le32(objects.length), Buffer.from([1, 2]), ...objects);
  const header = concat(guid('header'), le64(body.length + 24), body);
  const data = Buffer.alloc(600, noise & 0x7f);
  data.writeUInt32LE(noise >>> 0, 4);
  return concat(header, object('data', Buffer.alloc(16), le64(1), le16(0x101), data));
}
