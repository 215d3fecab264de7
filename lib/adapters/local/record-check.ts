import type { RecordKey, StoredRecord } from '../../core/change.ts';
import { SluiceError } from '../../core/errors.ts';

/**
 * Refuses what no store could give back as it was: JSON and DynamoDB know no NaN and no Infinity, SQLite cuts
 * a text at NUL. Throws a SluiceError `STORE` that names the attribute.
 */
export function checkRecord(key: RecordKey, record: StoredRecord): void {
  const place = `${key.batch} ${key.sort}`;
  if (place.includes('\0')) {
    throw new SluiceError('STORE', `the record key ${JSON.stringify(place)} holds a NUL`, {
      hint: 'give the batch another name',
    });
  }
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === 'string' || Number.isFinite(value)) continue;
    throw new SluiceError(
      'STORE',
      `attribute ${name} of record ${place} must be a text or a finite number, got ${String(value)}`,
      { hint: 'this is a fault of the program: please report it' },
    );
  }
}
