/** Bytes that may follow a lead byte, and the bounds of the first of them (RFC 3629, table 3-7 of Unicode). */
function sequence(lead: number): { more: number; low: number; high: number } | undefined {
  if (lead >= 0xc2 && lead <= 0xdf) return { more: 1, low: 0x80, high: 0xbf };
  if (lead >= 0xe0 && lead <= 0xef) {
    return { more: 2, low: lead === 0xe0 ? 0xa0 : 0x80, high: lead === 0xed ? 0x9f : 0xbf };
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    return { more: 3, low: lead === 0xf0 ? 0x90 : 0x80, high: lead === 0xf4 ? 0x8f : 0xbf };
  }
  return undefined;
}

/** Position of the first byte that is no UTF-8, -1 when all are. Only for bytes known to be bad. */
export function firstInvalid(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) {
    const lead = bytes[i] as number;
    if (lead < 0x80) continue;
    const found = sequence(lead);
    if (found === undefined) return i;
    for (let k = 1; k <= found.more; k++) {
      const byte = bytes[i + k];
      const low = k === 1 ? found.low : 0x80;
      const high = k === 1 ? found.high : 0xbf;
      if (byte === undefined || byte < low || byte > high) return i;
    }
    i += found.more;
  }
  return -1;
}
