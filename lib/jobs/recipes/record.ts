import * as z from 'zod/mini';
import { keyOfUrl, normaliseUrl, webAddress } from './url.ts';

/** A page: fetched where it comes without its text. */
export interface PageRecord {
  /** Its address, http or https. */
  url: string;
  /** Its text. */
  html?: string | undefined;
  /** A saved page below the folder of the option `pages`. */
  file?: string | undefined;
}

/** Longer addresses are no pages: what servers take ends near 8 KB. */
const address = z.string().check(
  z.refine((text) => webAddress(text) !== undefined, {
    error: 'must begin with http:// or https:// and have at most 8192 characters',
  }),
);

export const pageRecord = z
  .object({
    url: address,
    html: z.optional(z.string()),
    file: z.optional(z.string().check(z.minLength(1, 'must not be blank'))),
  })
  .check(
    z.refine(({ html, file }) => html === undefined || file === undefined, {
      error: 'give html or file, not both',
    }),
  );

/** A record's address, normalised. */
export const askedOf = ({ url }: Pick<PageRecord, 'url'>): string =>
  normaliseUrl(webAddress(url) as URL);

/** An outcome's key: the normalised address. */
export const keyOf = (record: PageRecord): string => keyOfUrl(askedOf(record));

/** The host as quotas and rates count it. */
export const hostKeyOf = ({ url }: PageRecord): string => new URL(url).host;
