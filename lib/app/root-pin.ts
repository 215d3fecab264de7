import type { SourcePin } from '../core/records.ts';

/** A folder or a prefix that is walked: what lies below it is pinned when it is listed. */
export const rootPin = (name: string): SourcePin => ({
  ...{ name, bytes: 0, version: 'root', root: true },
});
