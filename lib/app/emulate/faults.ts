import { SluiceError } from '../../core/errors.ts';

/** A fault of the template: what is deployed and what is emulated would differ, so nothing starts. */
export const templateFault = (message: string, hint?: string): SluiceError =>
  new SluiceError('BAD_INPUT', message, hint === undefined ? {} : { hint });

/** What to do about something that the emulator does not know. */
export const UNKNOWN_HINT =
  'The emulator runs only what it knows, so that what is emulated is what is deployed. Leave it out of this stack, or deploy to try it.';
