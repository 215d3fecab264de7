import { gunzipSync as realGunzip } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gunzip, gunzipSync, gzipSync } from './stored-zlib.ts';

describe('the stand-in for node:zlib', () => {
  it('makes gzip that the real one reads, and reads its own, member after member', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1 }), (members) => {
        const bytes = Buffer.concat(members.map((member) => gzipSync(member)));
        const text = Buffer.concat(members);
        expect(realGunzip(bytes).equals(text)).toBe(true);
        expect(gunzipSync(bytes).equals(text)).toBe(true);
      }),
    );
  });

  it('cuts what is longer than a stored block', () => {
    const text = Buffer.alloc(200_000, 'sluice');
    expect(realGunzip(gzipSync(text)).equals(text)).toBe(true);
    expect(gunzipSync(gzipSync(text)).equals(text)).toBe(true);
  });

  it('finds every flipped byte and every cut', async () => {
    const bytes = gzipSync('twelve items');
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ 0x55;
      expect(() => gunzipSync(flipped), `byte ${at}`).toThrow();
      expect(() => gunzipSync(bytes.subarray(0, at)), `cut at ${at}`).toThrow();
    }
    const fault = await new Promise((resolve) => gunzip(bytes.subarray(3), {}, resolve));
    expect(fault).toBeInstanceOf(Error);
  });
});
