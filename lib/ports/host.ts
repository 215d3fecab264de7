/** The process (or Lambda environment) that works. */
export interface Host {
  /** Names this process: what a report shows as the worker's home. */
  readonly id: string;
  /** A fresh owner for one receipt of a message; tells which process it belongs to. */
  newOwner(): string;
  /** Proved dead on this very host; false whenever that cannot be known. */
  isDead(owner: string): boolean;
  /** Of the whole process. */
  usage(): { cpuMs: number; rssBytes: number };
  /** Next number in [0, 1), for jitter only. */
  random(): number;
}
