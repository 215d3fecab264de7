import { createHash } from 'node:crypto';

/** Stands for the job file, which simulated worlds do not bundle. */
export const JOB_BYTES = Buffer.from('export default {}');
export const OLD_CODE = createHash('sha256').update(JOB_BYTES).digest('hex');
/** The digest of what a deploy in the middle brings. */
export const NEW_CODE = createHash('sha256').update('export default { newer: 1 }').digest('hex');
