/** What the deployed stack sets; a planted bug may change one of these as it may change the engine. */

/** Time-out of a worker: budget, item time-out and 10 s, as the stack computes it for an item of 30 s. */
export const WORKER_LIFE_MS = 60_000;
/** No new item starts after this. */
export const BUDGET_MS = 20_000;
export const ORCHESTRATOR_LIFE_MS = 900_000;
export const SWEEPER_LIFE_MS = 60_000;
export const SWEEP_EVERY_MS = 60_000;
/** Visibility is six times the function's time-out (AWS Lambda, "Using Lambda with Amazon SQS"). */
export const VISIBILITY_FACTOR = 6;
export const MAX_RECEIVES = 5;
/** Clocks of functions differ by at most this. */
export const SKEW_MS = 2_000;
/** A lease outlives its function by twice the skew and this. */
export const LEASE_MARGIN_MS = 5_000;
/** Hops of one lineage after which Lambda cuts it (AWS Lambda, "Use Lambda recursive loop detection"). */
export const LINEAGE_HOPS = 16;
export const RECURSIVE_LOOP: 'Allow' | 'Terminate' = 'Allow';
/** A message that was thrown back comes again after the visibility time-out, a throttled one earlier. */
export const THROTTLED_MS = 30_000;
