/** What `watch --for` notes of a batch at one moment. */
export interface SteadySample {
  /** Milliseconds from any fixed start, on a clock that never jumps. */
  atMs: number;
  doneItems: number;
  /** Resident set of the process that runs the batch; null where none did, or it said nothing. */
  rssBytes: number | null;
}

export interface SteadyVerdict {
  /** Largest difference of a quarter's rate from the first quarter's, as a share of that; null = cannot be judged. */
  rateDrift: number | null;
  /** Growth of the median memory from the first quarter to the last, as a share; null = cannot be judged. */
  memoryGrowth: number | null;
  /** Why it fails, each a sentence; none = steady. */
  faults: string[];
}

/** The requirement's bound for the rate; memory may not grow by more either. */
const BOUND = 0.1;
/** A process of 80 MB whose heap breathes by 8 MB does not leak. */
const MEMORY_FLOOR_BYTES = 16e6;
/** Two samples a quarter, and the one before the first. */
const FEWEST = 9;

/**
 * Whether a batch went steadily. The first tenth of the samples (one at least) is left out: there code gets warm
 * and pools fill. The rest is cut in four by time. The rate of a quarter is what was done in it over its
 * time, so that bursts of chunks even out; of memory the medians count, so that one collection more or less does not.
 */
export function judgeSteady(all: readonly SteadySample[]): SteadyVerdict {
  const samples = all.slice(Math.max(1, Math.ceil(all.length / 10)));
  if (samples.length < FEWEST) {
    const fault = `${all.length} samples are too few to judge by: ${FEWEST + 1} or more are needed (a longer --for, or a shorter --every).`;
    return { rateDrift: null, memoryGrowth: null, faults: [fault] };
  }
  const quarters = quartersOf(samples);
  const rates = quarters.map(rateOf);
  const rate = rateVerdict(rates);
  const memory = memoryVerdict(quarters);
  return {
    rateDrift: rate.share,
    memoryGrowth: memory.share,
    faults: [rate.fault, memory.fault].filter((fault) => fault !== undefined),
  };
}

/** Four runs of samples that share their borders, so that what was done between two counts once. */
function quartersOf(samples: readonly SteadySample[]): SteadySample[][] {
  const last = samples.length - 1;
  const border = (quarter: number): number => Math.round((last * quarter) / 4);
  return [0, 1, 2, 3].map((at) => samples.slice(border(at), border(at + 1) + 1));
}

/** Items per second. */
function rateOf(quarter: readonly SteadySample[]): number {
  const first = quarter[0] as SteadySample;
  const last = quarter.at(-1) as SteadySample;
  const ms = last.atMs - first.atMs;
  return ms > 0 ? ((last.doneItems - first.doneItems) * 1000) / ms : 0;
}

interface Part {
  share: number | null;
  fault?: string;
}

function rateVerdict(rates: readonly number[]): Part {
  const [first = 0] = rates;
  if (first <= 0) return { share: null, fault: 'nothing was done in the first quarter.' };
  const shares = rates.map((rate) => (rate - first) / first);
  const worst = shares.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  if (Math.abs(worst) <= BOUND) return { share: worst };
  const number = shares.indexOf(worst) + 1;
  const rate = (rates[number - 1] as number).toPrecision(3);
  return {
    share: worst,
    fault: `the rate drifted by ${percent(worst)}: ${first.toPrecision(3)}/s in the first quarter, ${rate}/s in quarter ${number} (at most 10 % is allowed).`,
  };
}

function memoryVerdict(quarters: readonly SteadySample[][]): Part {
  const medians = [quarters[0], quarters[3]].map((quarter = []) =>
    median(quarter.flatMap(({ rssBytes }) => (rssBytes === null ? [] : [rssBytes]))),
  );
  const [first, last] = medians;
  if (first === undefined || last === undefined) {
    return {
      share: null,
      fault: 'no process noted its memory in the first or in the last quarter.',
    };
  }
  const share = (last - first) / first;
  if (share <= BOUND || last - first <= MEMORY_FLOOR_BYTES) return { share };
  return {
    share,
    fault: `memory grew by ${percent(share)}: ${megabytes(first)} in the first quarter, ${megabytes(last)} in the last (medians; at most 10 % or 16 MB is allowed).`,
  };
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

const percent = (share: number): string => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
