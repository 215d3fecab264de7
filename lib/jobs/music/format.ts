/** Formats by their first bytes; `mime` is what the library chooses its reader by. */
export type Format = 'mpeg' | 'flac' | 'ogg' | 'mp4' | 'other';

export interface Kind {
  format: Format;
  mime: string;
}

const MIME = {
  mpeg: 'audio/mpeg',
  flac: 'audio/flac',
  ogg: 'audio/ogg',
  mp4: 'audio/mp4',
} as const;

/** Extensions of audio files: what a scan looks for. */
export const EXTENSIONS = [
  'mp3',
  'flac',
  'ogg',
  'oga',
  'opus',
  'm4a',
  'm4b',
  'mp4',
  'aac',
  'wav',
  'aif',
  'aiff',
  'aifc',
  'wma',
  'ape',
  'wv',
  'mpc',
  'dsf',
  'dff',
  'mp2',
] as const;

/** Where the first bytes say nothing. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  mp3: MIME.mpeg,
  mp2: MIME.mpeg,
  aac: MIME.mpeg,
  flac: MIME.flac,
  ogg: MIME.ogg,
  oga: MIME.ogg,
  opus: MIME.ogg,
  m4a: MIME.mp4,
  m4b: MIME.mp4,
  mp4: MIME.mp4,
  wav: 'audio/wav',
  aif: 'audio/aiff',
  aiff: 'audio/aiff',
  aifc: 'audio/aiff',
  wma: 'audio/ms-wma',
  ape: 'audio/ape',
  wv: 'audio/wavpack',
  mpc: 'audio/musepack',
  dsf: 'audio/dsf',
  dff: 'audio/dsd',
};

/** What tells a format lies within these. */
const MAGIC_BYTES = 12;

/** What a file is: by its bytes, and where they do not tell by its name. */
export function kindOf(head: Buffer, name: string): Kind {
  const start = head.toString('latin1', 0, MAGIC_BYTES);
  const starts = (text: string, at = 0): boolean => start.startsWith(text, at);
  const of = (format: keyof typeof MIME): Kind => ({ format, mime: MIME[format] });
  const other = (mime: string): Kind => ({ format: 'other', mime });
  if (starts('fLaC')) return of('flac');
  if (starts('OggS')) return of('ogg');
  if (starts('ftyp', 4)) return of('mp4');
  if (starts('RIFF') && starts('WAVE', 8)) return other('audio/wav');
  if (starts('FORM') && (starts('AIFF', 8) || starts('AIFC', 8))) return other('audio/aiff');
  if (starts('\x30\x26\xb2\x75')) return other('audio/ms-wma');
  if (starts('MAC ')) return other('audio/ape');
  if (starts('wvPk')) return other('audio/wavpack');
  const extension = /\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  const mime = BY_EXTENSION[extension] ?? '';
  // A tag in front says nothing of what is behind it.
  if (starts('ID3')) {
    return mime === '' || mime === MIME.mpeg ? of('mpeg') : other(mime);
  }
  // AAC and layers I and II begin much as MP3 does: the reader looks closer.
  const sync = head[0] === 0xff && ((head[1] ?? 0) & 0xe0) === 0xe0;
  if (sync && (mime === '' || mime === MIME.mpeg)) return of('mpeg');
  return other(mime);
}
