import type { WireFault } from '../../ports/http.ts';

/** An error that says which fault it is. */
export const wireFault = (
  fault: WireFault['fault'],
  message: string,
  cause?: unknown,
): Error & WireFault =>
  Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { fault });

export const isWireFault = (error: unknown): error is Error & WireFault =>
  typeof (error as Partial<WireFault> | undefined)?.fault === 'string';
