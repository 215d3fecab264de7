import type { Change, RecordKey, Value } from '../../core/change.ts';
import { SluiceError } from '../../core/errors.ts';
import { PARTITION, SORT } from './expressions.ts';

/** Ours (docs/architecture.md): one record stays near 8 write units, whatever the input. DynamoDB takes 400 KB. */
const RECORD_BYTES = 8192;
/** DynamoDB developer guide, "Supported data types and naming rules": other numbers than 0 lie between these. */
const SMALLEST = 1e-130;
const LARGEST = 9.99e125;

/**
 * Refuses what DynamoDB would not give back as it was, before it is sent. Throws a SluiceError `STORE` that names
 * the record and the attribute. The size is that of what the change itself writes: what was there before is not known.
 */
export function checkChange(key: RecordKey, change: Change): void {
  checkKey(key);
  const place = placeOf(key);
  const written = { ...change.set, ...change.add };
  for (const name of [...Object.keys(written), ...(change.remove ?? [])]) {
    if (name !== PARTITION && name !== SORT) continue;
    refuse(`record ${place} cannot have an attribute ${name}: it is a key of the table`);
  }
  for (const [name, value] of Object.entries(written)) {
    if (isStorable(value)) continue;
    refuse(
      `attribute ${name} of record ${place} must be a text or a number that is 0 or from 1e-130 to 9.99e125, got ${String(value)}`,
    );
  }
  for (const [name, amount] of Object.entries(change.add ?? {})) {
    // DynamoDB adds decimals (0.1 + 0.2 = 0.3), the other stores binary fractions.
    if (Number.isSafeInteger(amount)) continue;
    refuse(
      `the amount added to ${name} of record ${place} must be a whole number, got ${String(amount)}`,
    );
  }
  const bytes = Buffer.byteLength(JSON.stringify(written));
  if (bytes <= RECORD_BYTES) return;
  refuse(
    `record ${place} would have ${bytes} bytes, more than ${RECORD_BYTES}`,
    'shorten the options or the name of the input',
  );
}

/** Throws a SluiceError `STORE` for a key that holds a NUL or is empty. */
export function checkKey(key: RecordKey): void {
  const place = placeOf(key);
  if (key.batch !== '' && key.sort !== '' && !place.includes('\0')) return;
  refuse(
    `the record key ${JSON.stringify(place)} is empty or holds a NUL`,
    'give the batch another name',
  );
}

export const placeOf = ({ batch, sort }: RecordKey): string => `${batch} ${sort}`;

function isStorable(value: Value): boolean {
  if (typeof value === 'string') return true;
  const size = Math.abs(value);
  return value === 0 || (size >= SMALLEST && size <= LARGEST);
}

function refuse(message: string, hint = 'this is a fault of the program: please report it'): never {
  throw new SluiceError('STORE', message, { hint });
}
