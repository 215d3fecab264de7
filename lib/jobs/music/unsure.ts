/** Made once: a stack costs more than reading a file's tags. */
const UNSURE = new Error('the fast reader is not sure of this file');

/** Leaves a file to the library: the fast reader only answers where it is known to give the same. */
export function unsure(): never {
  throw UNSURE;
}

export const isUnsure = (fault: unknown): boolean => fault === UNSURE;
