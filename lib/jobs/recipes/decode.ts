type Decoder = InstanceType<typeof TextDecoder>;

/** How far into a page its own word about its encoding is looked for; the HTML standard says 1,024 bytes, pages do not. */
const HEAD_BYTES = 4096;
const CHARSET = /charset\s*=\s*["']?\s*([\w.:-]{2,40})/i;

/**
 * Text of a page: by its byte order mark, the answer's `Content-Type`, the page's own word, and else as UTF-8 where
 * it is that, or windows-1252, as browsers do. Bytes that fit no character become U+FFFD.
 */
export function decodePage(bytes: Uint8Array, contentType = ''): string {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES));
  const named = CHARSET.exec(contentType)?.[1] ?? CHARSET.exec(head.toString('latin1'))?.[1];
  const decoder = markOf(bytes) ?? decoderOf(named);
  if (decoder !== undefined) return decoder.decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

function markOf(bytes: Uint8Array): Decoder | undefined {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return new TextDecoder();
  if (a === 0xff && b === 0xfe) return new TextDecoder('utf-16le');
  return a === 0xfe && b === 0xff ? new TextDecoder('utf-16be') : undefined;
}

function decoderOf(name: string | undefined): Decoder | undefined {
  if (name === undefined) return undefined;
  try {
    const decoder = new TextDecoder(name);
    // A page whose head could be read as it stands is not UTF-16, whatever it says of itself.
    return decoder.encoding.startsWith('utf-16') ? new TextDecoder() : decoder;
  } catch {
    return undefined;
  }
}
