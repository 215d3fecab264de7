import { type Collector, PRIORITY } from './collect.ts';
import { unsure } from './unsure.ts';

/** Names of xiph.org/vorbis/doc/v-comment.html and of Picard by the field they fill. */
const NAMES = new Map(
  Object.entries({
    TITLE: 'title',
    ARTIST: 'artist',
    ARTISTS: 'artists',
    ALBUMARTIST: 'albumartist',
    'ALBUM ARTIST': 'albumartist',
    ALBUM: 'album',
    DATE: 'date',
    TRACKNUMBER: 'track',
    DISCNUMBER: 'disk',
    GENRE: 'genre',
    TRACKTOTAL: 'totaltracks',
    TOTALTRACKS: 'totaltracks',
    DISCTOTAL: 'totaldiscs',
    TOTALDISCS: 'totaldiscs',
    COMPILATION: 'compilation',
    ISRC: 'isrc',
    STYLE: 'genre',
    DISCOGS_ARTISTS: 'artists',
    DISCOGS_ARTIST_NAME: 'artists',
    DISCOGS_ALBUM_ARTISTS: 'albumartist',
    DISCOGS_RELEASED: 'date',
    MUSICBRAINZ_TRACKID: 'musicbrainz_recordingid',
    MUSICBRAINZ_RELEASETRACKID: 'musicbrainz_trackid',
    MUSICBRAINZ_ALBUMID: 'musicbrainz_albumid',
    MUSICBRAINZ_ARTISTID: 'musicbrainz_artistid',
    MUSICBRAINZ_ALBUMARTISTID: 'musicbrainz_albumartistid',
    MUSICBRAINZ_RELEASEGROUPID: 'musicbrainz_releasegroupid',
  }),
);

/** Longest of the names above. */
const MAX_NAME = 32;
const MAX_COMMENTS = 10_000;

/** Adds the comments of a FLAC, Vorbis or Opus file. `bytes` begin with the length of the vendor's name. */
export function readComments(bytes: Buffer, collector: Collector): void {
  let at = 0;
  const number = (): number => {
    if (at + 4 > bytes.length) unsure();
    at += 4;
    return bytes.readUInt32LE(at - 4);
  };
  const vendor = number();
  at += vendor;
  const count = number();
  if (count > MAX_COMMENTS) unsure();
  for (let i = 0; i < count; i++) {
    const length = number();
    if (at + length > bytes.length) unsure();
    if (length > 0) addComment(bytes, { from: at, to: at + length }, collector);
    at += length;
  }
}

const EQUALS = 0x3d;

/** Places in the bytes of all comments, since a view of each cost more than its text. */
function addComment(
  bytes: Buffer,
  { from, to }: { from: number; to: number },
  collector: Collector,
): void {
  if (bytes[from] === 0xef || bytes[from] === 0xff) unsure();
  const most = Math.min(to, from + MAX_NAME);
  let equals = from;
  while (equals < most && bytes[equals] !== EQUALS) equals++;
  if (equals === most) return;
  const name = bytes.toString('utf8', from, equals);
  // A rating or a gain that is no number, or lyrics: whatever the library makes of them, it is none of these fields.
  const field = NAMES.get(name) ?? NAMES.get(name.toUpperCase());
  // Inside a comment a byte order mark is a character as any other.
  if (field !== undefined) {
    collector.add(PRIORITY.main, field, bytes.toString('utf8', equals + 1, to));
  }
}
