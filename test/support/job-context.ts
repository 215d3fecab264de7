import type { JobContext } from '../../lib/index.ts';

/** A context for calling a job's function by hand; what waits on a remote is refused. */
export function jobContext<O>(options: O, own: Partial<JobContext<O>> = {}): JobContext<O> {
  const refused = (what: string) => (): never => {
    throw new Error(`no ${what} here`);
  };
  return {
    index: 0,
    attempt: 1,
    signal: new AbortController().signal,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    now: 0,
    rng: () => 0,
    secret: () => '',
    quota: refused('quota'),
    poll: refused('poll'),
    http: undefined as never,
    options,
    ...own,
  };
}
