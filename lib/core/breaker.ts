/** When a breaker opens, and for how long. */
export interface BreakerPlan {
  /** Bad answers among the last `of` (at most 30) that open it. */
  failures: number;
  of: number;
  /** Milliseconds of the first opening, and of any at most. */
  openMs: number;
  maxOpenMs: number;
  /** Openings without a good answer, after which the host is given up. */
  openings: number;
}

/**
 * The breaker of one host. Closed: calls pass. Open: none does until its time is over. Half-open: one call, the
 * probe, decides. Plain data; the functions below give the next state.
 */
export interface Breaker {
  readonly mode: 'closed' | 'open' | 'half-open';
  /** The last answers, newest in bit 0; 1 = bad. */
  readonly recent: number;
  /** While open: when the probe may go, in the caller's milliseconds. */
  readonly until: number;
  /** Openings since the last good answer. */
  readonly openings: number;
  /** Grows with each opening and closing: answers to calls of an earlier era say nothing. */
  readonly era: number;
}

/** The right to make one call; whoever has it tells what came of it by `settled`. */
export interface Pass {
  readonly era: number;
  readonly probe: boolean;
}

/** `none`: the call was not made, or says nothing of the host. */
export type CallResult = 'good' | 'bad' | 'none';

export const newBreaker = (): Breaker => ({
  mode: 'closed',
  recent: 0,
  until: 0,
  openings: 0,
  era: 0,
});

/** Asks for a call at time `now`; without a pass it has to wait. */
export function admitted(state: Breaker, now: number): { state: Breaker; pass: Pass | undefined } {
  const { mode, until } = state;
  const pass = closedPass(state);
  if (pass !== undefined) return { state, pass };
  if (mode === 'half-open' || now < until) return { state, pass: undefined };
  return { state: { ...state, mode: 'half-open' }, pass: { era: state.era, probe: true } };
}

/** What `admitted` gives while calls pass, with no more ado; undefined in any other state. */
export const closedPass = ({ mode, era }: Breaker): Pass | undefined =>
  mode === 'closed' ? { era, probe: false } : undefined;

export interface Settling {
  pass: Pass;
  result: CallResult;
  now: number;
  /** What the host asked to be left alone for, ms. */
  askedMs?: number;
  /** A number in [0, 1): breakers that opened together do not probe together. */
  random: number;
}

/** The state after a call came back. */
export function settled(state: Breaker, plan: BreakerPlan, call: Settling): Breaker {
  const { pass, result, now } = call;
  if (pass.era !== state.era) return state;
  if (state.mode === 'half-open') {
    if (result === 'good') return { ...newBreaker(), era: state.era + 1 };
    // The next one probes at once.
    if (result === 'none') return { ...state, mode: 'open', until: now };
    return opened(state, plan, call);
  }
  if (state.mode === 'open' || result === 'none') return state;
  const recent = ((state.recent << 1) | (result === 'bad' ? 1 : 0)) & (2 ** plan.of - 1);
  // What nearly all answers are: good, after good ones.
  if (result === 'good' && recent === state.recent) return state;
  const next = { ...state, recent };
  return result === 'bad' && ones(recent) >= plan.failures ? opened(next, plan, call) : next;
}

/** The host was down for so long that waiting makes no sense. Not while a probe is out: it may be back. */
export const isGivenUp = ({ mode, openings }: Breaker, plan: BreakerPlan): boolean =>
  mode === 'open' && openings > plan.openings;

/** A host that asks for more is asked again after this: it may have been mended. */
const MAX_ASKED_MS = 15 * 60_000;

function opened(
  state: Breaker,
  plan: BreakerPlan,
  { now, random, askedMs = 0 }: Settling,
): Breaker {
  const doubled = plan.openMs * 2 ** Math.min(state.openings, 30);
  const drawn = Math.min(plan.maxOpenMs, doubled) * (0.75 + random / 4);
  return {
    mode: 'open',
    recent: 0,
    until: now + Math.max(drawn, Math.min(askedMs, MAX_ASKED_MS)),
    openings: state.openings + 1,
    era: state.era + 1,
  };
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
